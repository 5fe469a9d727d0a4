"""One truth of what runs: each deploy file starts the Procfile's processes, stops them in time, and no queue is left without a worker."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.scheduler.made import settings_in
from tests.test_deploy.files import DEPLOY, PROCFILE, compose_in, kustomized, process_of, served, started, unit
from worker.app import make_app
from worker.durations import parse_duration

OVERLAYS = sorted(one.parent for one in DEPLOY.glob("k8s/overlays/*/kustomization.yaml"))
UNITS = sorted(DEPLOY.glob("systemd/*.service"))
OTHERS = {"postgres", "valkey", "prometheus", "grafana"}
OWN_NAME = " --hostname worker%i@%%h"
Line = tuple[str, timedelta]


def of_compose(folder: Path) -> dict[str, Line]:
    """Of each process: its line, and how long it has to stop."""
    services = compose_in(folder)["services"]
    assert services.keys() >= OTHERS
    lines = {name: [part.replace("$$", "$") for part in one["command"]] for name, one in services.items() if name not in OTHERS}
    lines["migrate"] = ["/bin/sh", "-c", f"exec {' '.join(lines['migrate'])}"]
    return {name: (started(line), parse_duration(services[name].get("stop_grace_period", "10s"))) for name, line in lines.items()}


def of_kubernetes(overlay: Path) -> dict[str, Line]:
    return {
        one["metadata"]["name"]: (started(pod["containers"][0]["command"]), timedelta(seconds=pod["terminationGracePeriodSeconds"]))
        for one in kustomized(overlay)
        if one["kind"] in {"Deployment", "Job"}
        for pod in [one["spec"]["template"]["spec"]]
    }


def of_systemd() -> dict[str, Line]:
    found = {}
    for file in UNITS:
        said = unit(file)
        [command] = said["ExecStart"]
        line = started(command.replace("$$", "$"))
        if file.stem.endswith("@"):
            assert line.endswith(OWN_NAME), "signs of life go by a worker's name"
            line = line.removesuffix(OWN_NAME)
        found[file.stem] = (line, timedelta(seconds=int(said.get("TimeoutStopSec", ["90"])[0])))
    return found


@pytest.fixture(params=["compose", *(one.name for one in OVERLAYS), "systemd"])
def lines(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Line]:
    """What one way to deploy starts."""
    if request.param == "compose":
        return of_compose(tmp_path)
    return of_systemd() if request.param == "systemd" else of_kubernetes(DEPLOY / "k8s" / "overlays" / request.param)


def test_every_process_of_the_procfile_is_started_by_its_own_line_and_the_schema_comes_first(lines: dict[str, Line]) -> None:
    assert {process_of(line)[0] for line, _ in lines.values()} == {*PROCFILE, "migrate"}


def test_every_queue_has_a_worker(lines: dict[str, Line], tmp_path: Path) -> None:
    every = frozenset(queue.name for queue in make_app(settings_in(tmp_path)).conf.task_queues)
    chosen = [choice for line, _ in lines.values() for name, choice in [process_of(line)] if name == "worker"]
    assert frozenset().union(*(served(every, choice) for choice in chosen)) == every
    named = frozenset().union(*(choice[1] for choice in chosen if choice is not None))
    assert named <= every


def test_a_worker_has_longer_to_stop_than_the_longest_task_and_celery_s_soft_shutdown(lines: dict[str, Line], tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    longest = max(settings.task_limit, timedelta(seconds=make_app(settings).conf.worker_soft_shutdown_timeout))
    graces = {name: grace for name, (line, grace) in lines.items() if process_of(line)[0] == "worker"}
    assert graces
    assert all(grace > longest for grace in graces.values()), graces


def test_the_image_starts_the_web_process_when_nobody_says_what() -> None:
    [command] = [line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if line.startswith("CMD ")]
    assert started(json.loads(command.removeprefix("CMD "))) == PROCFILE["web"]
