"""What `replicas run` promises, with the supervisor, the broker, the database and the parts as real processes."""

import os
import signal
import socket
import stat
from pathlib import Path

import psutil
import pytest
from redis import Redis
from redis.exceptions import RedisError

from scheduler.stack import running_broker
from scheduler.stack.ports import free_port
from tests.scheduler.stack.runs import Project, Run, wait_until

SOON = 10.0
STARTED = 40.0  # or refused to


def keys(project: Project) -> Redis:
    return Redis(unix_socket_path=str(project.home / "broker" / "valkey.sock"))


def files(project: Project) -> set[str]:
    return {str(path.relative_to(project.home)) for path in project.home.rglob("*") if path.is_socket() or path.is_file()}


def test_it_starts_tells_where_things_are_and_stops_in_order_leaving_nothing(project: Project, tmp_path: Path) -> None:
    with Run(project, cwd=tmp_path) as run:
        run.ready()
        web, flower = f"http://127.0.0.1:{project.web}", f"http://127.0.0.1:{project.flower}"
        assert f"ready: board {web}/board, Flower {flower}, API {web}/docs, log {project.home}" in run.said
        assert run.said.count("ready: ") == 1
        assert project.journal.read_text().count(" on broker and database\n") == project.parts
        assert stat.S_IMODE((project.home / "broker" / "valkey.sock").stat().st_mode) == 0o700
        assert running_broker(project.home) == f"redis+socket://{project.home}/broker/valkey.sock?virtual_host=0"
        assert run.stop() == 0
    assert project.events("end") == ["web", "beat", "worker", "flower"]
    assert project.processes() == []
    assert running_broker(project.home) is None
    assert {name for name in files(project) if "appendonlydir" not in name} == {"ledger.db", "log/stack.log"}
    for port in (project.web, project.flower):
        with socket.socket() as caller:
            assert caller.connect_ex(("127.0.0.1", port)) != 0


def test_a_stop_in_the_middle_of_the_start_leaves_nothing_either(project: Project) -> None:
    project.procfile(web="", worker="")  # it never answers
    with Run(project) as run:
        wait_until(lambda: sorted(project.events("start")) == ["web", "worker"])
        assert run.stop() == 0
        assert "ready: " not in run.said
    assert project.events("end") == ["web", "worker"]
    assert project.processes() == []
    assert {name for name in files(project) if "appendonlydir" not in name} == {"ledger.db", "log/stack.log"}


def test_every_line_of_every_process_is_on_the_terminal_and_in_the_log(project: Project) -> None:
    (project.folder / ".env").write_text("TEST_WORD=from-the-file\n")
    with Run(project) as run:
        run.ready()
        expected = [f"{name:<7} | {name} speaks, in {project.folder}, and TEST_WORD is from-the-file" for name in ("web", "worker", "beat")]
        wait_until(lambda: all(line in run.said for line in expected))
        log = (project.home / "log" / "stack.log").read_text()
        assert all(line in log for line in expected)
        assert run.stop(signal.SIGHUP) == 0
    assert project.events("end") == ["web", "beat", "worker", "flower"]


def test_a_process_that_dies_is_started_again_each_time_later(project: Project) -> None:
    with Run(project) as run:
        run.ready()
        for wait in ("0.5", "1"):
            before = project.pid("worker")
            os.kill(before, signal.SIGKILL)
            wait_until(lambda before=before: project.pid("worker") != before)  # type: ignore[misc]
            assert f"worker was ended by SIGKILL; starting it again in {wait} s" in run.said
    assert project.events("start").count("worker") == 3
    assert project.events("end").count("worker") == 1


def test_a_broker_that_is_killed_is_started_again_and_what_it_held_is_there_then_and_in_the_next_run(project: Project) -> None:
    with Run(project) as run:
        run.ready()
        keys(project).rpush("queue", "job")
        project.processes("valkey-server")[0].kill()
        wait_until(lambda: "broker was ended by SIGKILL" in run.said and answers(project))
        assert keys(project).lrange("queue", 0, -1) == [b"job"]
        assert run.stop(signal.SIGTERM) == 0
    assert project.events("end") == ["web", "beat", "worker", "flower"]
    with Run(project) as run:
        run.ready()
        assert keys(project).lrange("queue", 0, -1) == [b"job"]


def answers(project: Project) -> bool:
    try:
        return bool(keys(project).ping())
    except RedisError:
        return False


def test_a_supervisor_that_is_killed_leaves_nothing_in_some_seconds(project: Project) -> None:
    project.procfile(web='"$REPLICAS_PORT"', worker="slow")
    with Run(project) as run:
        run.ready()
        run.process.kill()
        run.process.wait()
        wait_until(lambda: not project.processes(), SOON)
    assert sorted(project.events("end")) == ["web", "worker"]  # asked to end, not killed
    assert {name for name in files(project) if "appendonlydir" not in name} == {"ledger.db", "log/stack.log"}


def test_the_switch_itself_is_replaced_when_somebody_ends_it(project: Project) -> None:
    with Run(project) as run:
        run.ready()
        first = project.processes("deadman.py")[0]
        first.kill()
        wait_until(lambda: any(one.pid != first.pid for one in project.processes("deadman.py")))
        run.process.kill()
        run.process.wait()
        wait_until(lambda: not project.processes(), SOON)
    assert sorted(project.events("end")) == ["beat", "flower", "web", "worker"]


def test_whoever_does_not_end_is_killed_at_once_by_a_second_signal(project: Project) -> None:
    project.procfile(web='"$REPLICAS_PORT"', worker="deaf")
    with Run(project) as run:
        run.ready().process.send_signal(signal.SIGINT)
        wait_until(lambda: project.events("end") == ["web"])
        with pytest.raises(TimeoutError):
            wait_until(lambda: run.process.poll() is not None, patience=0.6)
        assert run.stop() == 0
        assert "worker did not end in time and is killed" in run.said


def test_what_a_dead_process_left_behind_does_not_get_in_its_successors_way(project: Project) -> None:
    with (project.folder / "Procfile").open("a") as file:
        file.write(f"\nwithhelper: echo $$ > {project.folder}/leader; sleep 1000 & sleep 1001\n")
    with Run(project) as run:
        run.ready()
        leader = psutil.Process(int((project.folder / "leader").read_text()))
        left = leader.children()
        leader.kill()
        wait_until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in left))


def test_a_second_run_on_the_same_home_is_refused_and_one_elsewhere_may_share_the_broker(project: Project, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Project(tmp_path / "other")
    with Run(project) as run:
        run.ready()
        with Run(project, REPLICAS_PORT=str(free_port()), FLOWER_PORT=str(free_port())) as second:
            assert second.process.wait(STARTED) == 1
            assert f"already running on {project.home} (process {run.process.pid})" in second.said
            assert "REPLICAS_HOME" in second.said
        with Run(other, REDIS_URL=running_broker(project.home) or "") as third:
            third.ready()
            assert not (other.home / "broker").exists()
            assert third.stop() == 0
        assert keys(project).ping()
        assert run.process.poll() is None


@pytest.mark.parametrize("variable", ["REPLICAS_PORT", "FLOWER_PORT"])
def test_a_port_that_is_taken_is_said_before_anything_is_started(project: Project, variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, Run(project, environment={variable: str(other.getsockname()[1])}) as run:
        assert run.process.wait(STARTED) == 1
        assert f"127.0.0.1:{other.getsockname()[1]} is taken" in run.said
        assert f"set {variable}" in run.said
    assert project.events("start") == []
    assert files(project) == {"log/stack.log"}


def test_a_broker_that_does_not_answer_is_named_without_its_password(project: Project) -> None:
    with Run(project, REDIS_URL=f"redis://ann:hush@127.0.0.1:{free_port()}/0") as run:
        assert run.process.wait(STARTED) == 1
        assert "the broker does not answer: redis://ann:***@127.0.0.1" in run.said
        assert "correct REDIS_URL" in run.said
        assert "hush" not in run.said
    assert project.events("start") == []


def test_a_database_that_does_not_answer_is_named_without_its_password(project: Project) -> None:
    with Run(project, DATABASE_URL=f"postgresql://ann:hush@127.0.0.1:{free_port()}/jobs") as run:
        assert run.process.wait(STARTED) == 1
        assert "the database at postgresql://ann:***@127.0.0.1" in run.said
        assert "correct DATABASE_URL" in run.said
        assert "hush" not in run.said
    assert project.events("start") == []


def test_a_process_that_cannot_start_is_quoted_and_ends_the_start(project: Project) -> None:
    with (project.folder / "Procfile").open("a") as file:
        file.write("\nbroken: echo it cannot be; exit 3\n")
    with Run(project) as run:
        assert run.process.wait(STARTED) == 1
        assert "broken ended with exit status 3 before the stack was ready. Its last lines:\n    it cannot be" in run.said
    assert project.processes() == []


def test_a_wrong_setting_is_a_sentence_and_starts_nothing(project: Project) -> None:
    with Run(project, REPLICAS_LEASE="soon") as run:
        assert run.process.wait(STARTED) == 1
        assert run.said.startswith("replicas run: REPLICAS_LEASE: ")
    assert not project.home.exists()


def test_a_home_too_deep_for_a_socket_gets_one_elsewhere_and_nothing_of_it_is_left(project: Project, tmp_path: Path) -> None:
    project.home = tmp_path / ("deep" * 25)
    with Run(project) as run:
        run.ready()
        url = running_broker(project.home) or ""
        socket_folder = Path(url.removeprefix("redis+socket://").partition("?")[0]).parent
        assert socket_folder.is_dir()
        assert len(url) < len(str(project.home))
    assert not socket_folder.exists()


def test_idle_it_takes_next_to_nothing(project: Project) -> None:
    with Run(project) as run:
        run.ready()
        parts = project.processes("part.py")  # that wake up all the time, and are the test's own
        us = [one for one in project.processes() if one not in parts]
        before = {one: sum(one.cpu_times()[:2]) for one in us}
        with pytest.raises(TimeoutError):
            wait_until(lambda: run.process.poll() is not None, patience=6)
        spent = sum(sum(one.cpu_times()[:2]) - before[one] for one in us)
        assert spent < 0.02 * 6
