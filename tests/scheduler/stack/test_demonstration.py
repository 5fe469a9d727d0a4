"""The demonstration, as far as it goes without the application: what it needs, what it may not do. The whole of it is `make run`."""

from pathlib import Path

from scheduler.stack.environment import find_project
from tests.scheduler.stack.runs import Project, Run, wait_until

STARTED = 40.0  # or refused to


def test_without_the_sandbox_on_disk_it_says_so(project: Project) -> None:
    with Run(project, demo=True) as run:
        assert run.process.wait(STARTED) == 1
        assert "the demonstration needs the sandbox" in run.said
        assert "make run" in run.said
        assert "Traceback" not in run.said


def test_with_a_key_it_submits_nothing_and_says_how_to(project: Project) -> None:
    (project.folder / "tests").symlink_to(find_project() / "tests")
    with Run(project, demo=True, TAVUS_API_KEY__STUDIO="real") as run:
        run.ready()
        wait_until(lambda: "curl" in run.said)
        assert "A Tavus key is set, so the demonstration submits nothing" in run.said
        assert (project.home / "ledger.db").is_file()
        assert not project.processes("tests.sandbox")
        assert "POST" not in run.said


def test_it_keeps_its_data_apart_and_a_failed_one_goes_on_until_it_is_stopped(project: Project) -> None:
    (project.folder / "tests").symlink_to(find_project() / "tests")
    with Run(project, demo=True) as run:
        run.ready()
        wait_until(lambda: "The demonstration ends here" in run.said)  # the parts of a test take no jobs
        assert project.processes("tests.sandbox")
        assert {path.name for path in project.home.iterdir()} == {"demo"}
        assert "speaks" not in run.said  # four processes' chatter is in the log
        assert "web speaks" in (project.home / "demo" / "log" / "stack.log").read_text()
        assert run.stop() == 1
    assert not Path(project.home / "ledger.db").exists()
