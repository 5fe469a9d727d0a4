"""The command line explains itself: every command has an example that can be typed, speaks JSON, and its words are completed by the shell."""

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand, TyperGroup

from scheduler.cli import cli
from tests.running import ROOT
from tests.scheduler.commands import Commands
from tests.scheduler.workers import BIN, variables_of
from worker.core.states import State

ROOM = 10_000


def leaves(group: TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], TyperCommand]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from leaves(command, (*path, name))
        else:
            assert isinstance(command, TyperCommand)
            yield (*path, name), command


WHOLE = typer.main.get_command(cli)
assert isinstance(WHOLE, TyperGroup)
ALL = dict(leaves(WHOLE))
NAMES = sorted(" ".join(path) for path in ALL)
SILENT = {"run"}  # it shows what its processes say, as long as it is up


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Commands:
    """The command line where there is no ledger."""
    return Commands(tmp_path_factory.mktemp("empty"), {"COLUMNS": str(ROOM)})


def examples(text: str) -> list[list[str]]:
    return [shlex.split(line.split("Example: replicas ")[1]) for line in text.splitlines() if "Example: replicas " in line]


@pytest.mark.parametrize("name", NAMES)
def test_each_command_has_examples_of_itself_that_can_be_typed(replicas: Commands, name: str) -> None:
    said = replicas(*name.split(), "--help")
    shown = examples(said.out)
    assert said.status == 0
    assert shown
    path = tuple(name.split())
    for words in shown:
        assert tuple(words[: len(path)]) == path
        ALL[path].make_context(name, words[len(path) :])  # raises what the person would be told


def test_a_word_that_no_command_takes_would_be_noticed() -> None:
    for words in (["ID", "--soon"], []):
        with pytest.raises(Exception, match=r"--soon|Missing parameter"):
            ALL["show",].make_context("show", words)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SILENT])
def test_each_command_that_shows_or_does_something_speaks_json(name: str) -> None:
    assert any("--json" in parameter.opts for parameter in ALL[tuple(name.split())].params)


def test_the_help_and_the_readme_say_what_the_exit_statuses_mean(replicas: Commands) -> None:
    said = replicas("--help").out
    readme = (ROOT / "README.md").read_text()
    for status, meaning in (("0", "done"), ("1", "refused, failed, or something was found"), ("2", "wrong usage"), ("130", "interrupted")):
        assert f"{status} {meaning}" in said
        assert f"| {status} | {meaning}" in readme
    assert replicas("list", "--no-such-option").status == 2
    assert replicas("list").status == 1


def test_the_readme_lists_every_command() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [name for name in NAMES if f"| `replicas {name}" not in readme] == []


def test_the_shell_completes_commands_and_states_and_opens_no_ledger(tmp_path: Path) -> None:
    variables = variables_of(REPLICAS_HOME=str(tmp_path / "home"), _REPLICAS_COMPLETE="complete_bash")

    def completed(words: str) -> set[str]:  # in a process of its own, for the variable has the program's name
        typed = variables | {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
        return set(subprocess.run([BIN / "replicas"], cwd=tmp_path, env=typed, capture_output=True, text=True, check=False).stdout.split())

    assert completed("replicas wat") == {"watch"}
    assert completed("replicas list --state ") == set(State)
    assert list(tmp_path.iterdir()) == []


def test_completion_is_there_to_be_installed(replicas: Commands) -> None:
    assert {"--install-completion", "--show-completion"} <= set(replicas("--help").out.split())
