"""Jobs that are followed: one or many, a bar and an honest ETA for each on a terminal, a line for each change elsewhere."""

import io
import json
from typing import Any

import pytest
from rich.console import Console

from scheduler import following
from tests.scheduler.made import in_hours
from tests.scheduler.test_terminal import MARKUP, a_document
from worker.core.states import State

TRAINING = {"state": "training", "progress": "42/100"}


def an_eta() -> dict[str, str]:
    return {"p50": in_hours(2.51).isoformat(), "p90": in_hours(3.51).isoformat(), "verdict": "plausible"}


def on_a_terminal(*looks: list[dict[str, Any]], height: int = 30) -> str:
    screen = io.StringIO()
    following.live(looks, Console(file=screen, width=200, height=height, force_terminal=True, color_system=None))
    return screen.getvalue()


def last_seen(documents: list[dict[str, Any]], height: int = 30) -> list[str]:
    screen = io.StringIO()
    Console(file=screen, width=200).print(following.lines(documents, height))
    return [line.rstrip() for line in screen.getvalue().splitlines()]


def many(count: int, **changes: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - fields of the document
    return [a_document(id=f"{number:026}", **changes) for number in range(count)]


def test_without_a_terminal_each_change_is_a_line_and_the_end_shows_the_job() -> None:
    screen = io.StringIO()
    looks = [a_document(), a_document(), a_document(state="training", progress="²/100"), a_document(state="done")]
    following.plainly([[one] for one in looks], Console(file=screen, width=200))
    states = [line.split(maxsplit=1)[1].strip() for line in screen.getvalue().splitlines() if line.startswith("0000")]
    assert states == ["queued", "training ²/100", "done"]
    assert "submissions" in screen.getvalue()


def test_of_many_only_who_changed_is_told_and_the_end_counts_them() -> None:
    screen = io.StringIO()
    one, other = many(2)
    following.plainly([[one, other], [one | TRAINING, other], [one | {"state": "held"}, other]], Console(file=screen, width=200))
    told = screen.getvalue().splitlines()
    assert told == [
        f"{one['id']} queued", f"{other['id']} queued", f"{one['id']} training 42/100", f"{one['id']} held", "1 held, 1 queued",
    ]  # fmt: skip


def test_as_json_each_change_is_one_line_and_time_alone_is_no_change() -> None:
    told = list[str]()
    one = a_document(**TRAINING, eta=an_eta())
    later = one | {"eta": an_eta() | {"p50": in_hours(2).isoformat()}, "due_at": in_hours(1).isoformat()}
    following.as_lines([[one], [later], [later | {"replica_id": "r1"}]], told.append)
    assert [json.loads(line)["replica_id"] for line in told] == [None, "r1"]


@pytest.mark.parametrize("state", ["done", "abandoned", "cancelled", "held", "ready"])
def test_a_job_rests_where_nothing_happens_by_itself(state: str) -> None:
    assert following.rests(a_document(state=state))


def test_every_other_state_goes_on() -> None:
    assert {state for state in State if not following.rests(a_document(state=state))} == {"queued", "submitting", "training", "opening"}


def test_one_job_is_shown_with_its_progress_and_everything_about_it() -> None:
    seen = on_a_terminal([a_document(state="training", progress="²/100")], [a_document(**TRAINING)], [a_document(state="done")])
    assert all(word in seen for word in ("42/100", "━", "done", "submissions"))


def test_of_many_each_has_one_line_with_its_state_its_bar_and_when_it_is_likely_to_end() -> None:
    lines = last_seen([*many(1, **TRAINING, eta=an_eta()), *many(1, state="held", failure={"code": "unrecognised", "detail": "E-77"})])
    assert len(lines) == 3
    assert all(word in lines[0] for word in ("training", "━", "42/100", "ETA 2h 30m - 3h 30m"))
    assert all(word in lines[1] for word in ("held", "unrecognised"))
    assert lines[2] == "1 held, 1 training"


@pytest.mark.parametrize(
    ("changes", "share"),
    [({"state": "queued"}, 0.0), (TRAINING, 0.42), ({"state": "training", "progress": "7/0"}, 0.0), ({"state": "done"}, 1.0)],
)
def test_a_bar_goes_by_tavus_word(changes: dict[str, Any], share: float) -> None:
    assert following._share(a_document(**changes)) == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize(("since", "median", "share"), [(-1, 3, 0.25), (-3, -1, 1.0)])
def test_where_there_is_no_word_it_goes_by_the_time_that_half_of_such_trainings_take(since: float, median: float, share: float) -> None:
    attempts, eta = [{"submitted_at": in_hours(since).isoformat()}], {"p50": in_hours(median).isoformat()}
    assert following._share(a_document(state="training", eta=eta, attempts=attempts)) == pytest.approx(share, abs=0.01)


def test_where_there_is_no_room_for_all_those_under_way_come_first_and_nobody_is_forgotten() -> None:
    done, waiting = many(20, state="done"), many(3)
    waiting = [one | {"id": f"w{one['id'][1:]}"} for one in waiting]
    lines = last_seen([*done, *waiting], height=10)
    assert len(lines) == 9
    assert [line.split()[1] for line in lines[:8]] == ["queued"] * 3 + ["done"] * 5
    assert lines[8] == "20 done, 3 queued; no room for 15 of them"


def test_words_of_others_are_no_markup() -> None:
    assert MARKUP in "".join(last_seen([*many(1), a_document(progress=MARKUP)]))


def test_nothing_to_follow_is_said() -> None:
    assert "no jobs to watch" in on_a_terminal([])
