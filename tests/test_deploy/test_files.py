"""Every deploy file holds under its own tool, and is as safe as it says: nothing runs as root, nothing holds a secret, no setting is misspelt."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from scheduler.example import LIBRARIES
from scheduler.reference import variable_of
from tests.running import ROOT
from tests.test_deploy.files import BIN, DEPLOY, compose_in, documents, kustomized, unit
from tests.test_deploy.test_processes import OVERLAYS, UNITS
from worker.settings import Settings

KUBERNETES = "1.33"
"""What the manifests are held against: the oldest version that its makers still mend."""
FOREIGN = {"ScaledObject", "ServiceMonitor"}
"""Kinds of KEDA and of the Prometheus Operator: their schemas come with no package."""
OURS = {variable_of(name, field) for name, field in Settings.model_fields.items()}
SYSTEMD, PROMTOOL = shutil.which("systemd-analyze"), shutil.which("promtool")


def resources() -> list[Any]:
    found = [(overlay.name, one) for overlay in OVERLAYS for one in kustomized(overlay)]
    return [pytest.param(one, id=f"{where}-{one['kind']}-{one['metadata']['name']}") for where, one in found]


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    done = subprocess.run([BIN / "hadolint", DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_image_takes_only_what_its_steps_copy() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = [line.split()[1:-1] for line in (DEPLOY / "Dockerfile").read_text().splitlines() if line.startswith("COPY ")]
    assert kept == {name for words in copied for name in words if not name.startswith(("--", "/"))}
    assert ignored[1] == "*"
    assert all((ROOT / name).exists() for name in kept)


def test_compose_itself_reads_its_file_and_every_variable_in_it_is_one_of_ours(tmp_path: Path) -> None:
    services = compose_in(tmp_path)["services"]
    built = {name: one for name, one in services.items() if "build" in one}
    assert {name for one in built.values() for name in one["environment"] if not name.startswith("FLOWER_BASIC")} <= OURS | LIBRARIES.keys()
    assert all(one["read_only"] and one["cap_drop"] == ["ALL"] for one in built.values())
    assert [name for name, one in services.items() if "healthcheck" not in one] == ["web"]  # which has the image's own
    assert all(port["host_ip"] == "127.0.0.1" for one in services.values() for port in one.get("ports", ()))
    started = [one["depends_on"]["migrate"]["condition"] for name, one in built.items() if name != "migrate"]
    assert set(started) == {"service_completed_successfully"}


def test_no_password_stands_in_a_file() -> None:
    files = [file for file in DEPLOY.rglob("*") if file.is_file() and file.suffix in {".yaml", ".service", ".target", ""}]
    lines = [line for file in files for line in file.read_text().splitlines() if not line.lstrip().startswith("#")]
    # What compose takes from its environment, or stops; and what Kubernetes takes from a Secret.
    without = [re.sub(r"\$\{\w+:\?[^}]*\}|valueFrom: \{secretKeyRef: .*\}", "", line) for line in lines]
    given = [line for line in without if re.search(r"(?:PASSWORD|TOKEN|SECRET|API_KEY|requirepass|AUTH)\w*[:=\" ,]+[\w-]", line)]
    assert (given, len(files) > 30) == ([], True)


def test_prometheus_and_grafana_find_each_other_where_compose_puts_them(tmp_path: Path) -> None:
    services = compose_in(tmp_path)["services"]
    [prometheus] = documents(DEPLOY / "prometheus" / "prometheus.yaml")
    [scraped] = prometheus["scrape_configs"]
    [token] = [secret["target"] for secret in services["prometheus"]["secrets"]]
    assert scraped["authorization"]["credentials_file"] == token
    assert scraped["metrics_path"] == "/metrics"
    assert [one.partition(":")[0] for group in scraped["static_configs"] for one in group["targets"]] == ["web"]
    [source] = documents(DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yaml")
    assert source["datasources"][0]["url"].partition("//")[2].partition(":")[0] in services
    [boards] = documents(DEPLOY / "grafana" / "provisioning" / "dashboards" / "replicas.yaml")
    mounted = {one["target"] for one in services["grafana"]["volumes"]}
    assert boards["providers"][0]["options"]["path"] in mounted


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not on the path")
def test_prometheus_itself_reads_its_file() -> None:
    words = [str(PROMTOOL), "check", "config", "--syntax-only", str(DEPLOY / "prometheus" / "prometheus.yaml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("resource", resources())
def test_a_manifest_is_what_kubernetes_takes(resource: dict[str, Any]) -> None:
    if resource["kind"] in FOREIGN:
        assert resource["apiVersion"] in {"keda.sh/v1alpha1", "monitoring.coreos.com/v1"}
        return
    kubernetes_validate.validate(resource, KUBERNETES, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda one: one.name)
def test_every_file_of_kubernetes_is_named_by_a_kustomization_and_every_patch_meets_something(overlay: Path) -> None:
    for folder in (overlay, overlay.parents[1] / "base"):
        [kustomization] = documents(folder / "kustomization.yaml")
        named = {name for name in kustomization["resources"] if not (folder / name).is_dir()}
        assert named == {file.name for file in folder.glob("*.yaml")} - {"kustomization.yaml"}
    [own] = documents(overlay / "kustomization.yaml")
    found = {(one["kind"], one["metadata"]["name"]): one for one in kustomized(overlay)}
    for patch in own["patches"]:
        met = [
            one for (kind, name), one in found.items() if kind == patch["target"]["kind"] and re.fullmatch(patch["target"]["name"], name)
        ]
        assert met
        assert all(_at(one, step["path"]) is not None for one in met for step in yaml.safe_load(patch["patch"]))


def _at(resource: Any, path: str) -> Any:  # noqa: ANN401 - a part of a YAML document
    for name in path.strip("/").split("/"):
        resource = resource.get(name)
    return resource


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on the path: the files are read one by one above")
@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda one: one.name)
def test_kustomize_itself_builds_an_overlay(overlay: Path) -> None:
    built = subprocess.run(["kubectl", "kustomize", overlay], capture_output=True, text=True, check=False)
    assert (built.returncode, built.stderr) == (0, "")
    whole = list(yaml.safe_load_all(built.stdout))
    assert len(whole) == len(list(kustomized(overlay)))
    for one in whole:
        if one["kind"] not in FOREIGN:
            kubernetes_validate.validate(one, KUBERNETES, strict=True)
    pods = [one for one in whole if one["kind"] == "Deployment"]
    # What the network's policies choose by.
    assert all("app.kubernetes.io/part-of" in one["spec"]["template"]["metadata"]["labels"] for one in pods)
    assert all(one["metadata"].get("namespace") == "replicas" for one in whole if one["kind"] != "Namespace")


def test_nothing_in_kubernetes_is_root_or_writes_to_its_image() -> None:
    for overlay in OVERLAYS:
        pods = [one["spec"]["template"]["spec"] for one in kustomized(overlay) if one["kind"] in {"Deployment", "Job", "StatefulSet"}]
        assert pods
        for pod in pods:
            assert pod["securityContext"]["runAsNonRoot"]
            assert pod["automountServiceAccountToken"] is False
            for one in pod["containers"]:
                assert one["securityContext"]["readOnlyRootFilesystem"]
                assert one["securityContext"]["allowPrivilegeEscalation"] is False


def test_the_api_s_probes_ask_whether_it_lives_and_whether_jobs_can_be_taken_in() -> None:
    [web] = [one for one in documents(DEPLOY / "k8s" / "base" / "web.yaml") if one["kind"] == "Deployment"]
    [container] = web["spec"]["template"]["spec"]["containers"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert container["readinessProbe"]["httpGet"]["path"].partition("?")[0] == "/readyz"


def test_workers_are_scaled_by_the_oldest_due_row_and_no_number_of_ours_stands_against_it() -> None:
    production = DEPLOY / "k8s" / "overlays" / "production"
    [scaled] = documents(production / "scaling.yaml")
    [trigger] = scaled["spec"]["triggers"]
    assert (trigger["type"], trigger["metadata"]["query"]) == ("prometheus", "max(replicas_oldest_due_seconds)")
    target = scaled["spec"]["scaleTargetRef"]["name"]
    [own] = documents(production / "kustomization.yaml")
    removed = [one["target"]["name"] for one in own["patches"] for step in yaml.safe_load(one["patch"]) if step["op"] == "remove"]
    assert removed == [target]


@pytest.mark.parametrize("file", UNITS, ids=lambda one: one.stem)
def test_a_unit_may_write_to_its_own_home_and_gains_nothing(file: Path) -> None:
    said = unit(file)
    assert said["User"] == ["replicas"]
    assert said["NoNewPrivileges"] == said["PrivateTmp"] == ["yes"]
    assert said["ProtectSystem"] == ["strict"]
    assert said["CapabilityBoundingSet"] == [""]
    assert said["EnvironmentFile"] == ["/etc/replicas/env"]


@pytest.mark.skipif(SYSTEMD is None, reason="systemd-analyze is not on the path")
def test_systemd_itself_reads_the_units_without_a_word(tmp_path: Path) -> None:
    for file in DEPLOY.glob("systemd/*"):
        (tmp_path / file.name.replace("@.", "@1.")).write_text(file.read_text())
    words = [str(SYSTEMD), "verify", "--man=no", "--recursive-errors=no", *map(str, sorted(tmp_path.iterdir()))]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
