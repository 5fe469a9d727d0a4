"""A job's story, lived again: it leads to the job as it is, and one that was tampered with does not."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.core.samples import CONVERSATION, HOUR, NOW, REPLICA, RULES, URL, job, mark, request, talk
from tests.worker.core.test_world import living, worlds
from tests.worker.core.world import World, calm
from worker.core import events as ev
from worker.core.failures import Failure
from worker.core.job import Conversation, Job, Lost, Outcome, ReplicaId, Terms
from worker.core.replay import Told, difference
from worker.core.request import Request
from worker.core.rules import Rules
from worker.core.states import State

_OTHER, _THIRD = ReplicaId("r2"), ReplicaId("r3")
FRUGAL = Rules(max_paid_attempts=1)
WARY = Terms(lost=Lost.HOLD)


def told(*events: ev.Event, start: Job | None = None, rules: Rules = RULES) -> World:
    """A world in which these came, an hour apart, each for a line of the story."""
    world = World(start or job(), rules)
    for number, event in enumerate(events, 1):
        world.now += HOUR
        world.tell(event)
        assert len(world.told) == number, f"{event} is not told"
    return world


PAID = (ev.InputPassed(), ev.SubmissionAccepted(mark(), REPLICA))
BROKE = ev.TrainingFailed(REPLICA, Failure.AUDIO_PROCESSING, "error")
# Paid for three times: again by policy, and again because a person released it.
LONG = told(
    *PAID, BROKE,
    ev.InputPassed(), ev.MarkFound(mark(2), _OTHER), ev.TrainingFailed(_OTHER, Failure.UNRECOGNISED, "error"),
    ev.ReleaseRequested(), ev.InputPassed(), ev.SubmissionAccepted(mark(3), _THIRD), ev.TrainingCompleted(_THIRD),
    ev.FellDue(), ev.ConversationOpened(talk(), CONVERSATION, URL),
)  # fmt: skip
LINES = range(len(LONG.told))


def of_long(lines: Sequence[Told]) -> str | None:
    """What these lines make of the long story's job."""
    return difference(LONG.job, lines)


def changed(number: int, **fields: Any) -> str | None:  # noqa: ANN401 - fields of Told
    """What the long story makes of its job with one line changed."""
    return of_long([replace(line, **fields) if line is LONG.told[number] else line for line in LONG.told])


def test_a_story_leads_to_its_job() -> None:
    assert LONG.job.state is State.DONE
    assert of_long(LONG.told) is None


def test_a_job_without_a_story_is_as_it_was_enqueued() -> None:
    asked = job(priority=3, idempotency_key="k")
    assert difference(asked, []) is None
    assert difference(replace(asked, cancel_requested=True), []) == "its cancel_requested is True, and the story makes it False"


@living
@given(worlds())
def test_the_story_of_every_job_leads_to_it_at_every_moment(world: World) -> None:
    assert difference(world.job, world.told) is None
    calm(world)
    assert difference(world.job, world.told) is None


@living
@given(worlds(), st.sampled_from(Outcome), st.integers(0, 9))
def test_an_outcome_that_was_written_by_hand_is_told_of_every_job(world: World, outcome: Outcome, pick: int) -> None:
    if world.job.attempts:
        one = world.job.attempts[pick % len(world.job.attempts)]
        found = difference(world.job.with_attempt(replace(one, outcome=outcome)), world.told)
        if one.outcome is outcome:
            assert found is None
        else:
            assert found is not None
            assert found.startswith(f"attempt {one.number} ({outcome}, ")
            assert found.endswith(f"is not what the story makes of it ({one.outcome}, {one.replica_id or 'no replica'})")


@pytest.mark.parametrize("number", LINES)
def test_a_line_taken_out_is_told(number: int) -> None:
    assert of_long([*LONG.told[:number], *LONG.told[number + 1 :]])


@pytest.mark.parametrize("number", LINES[1:])
def test_two_lines_out_of_order_are_told(number: int) -> None:
    assert of_long([*LONG.told[: number - 1], LONG.told[number], LONG.told[number - 1], *LONG.told[number + 1 :]])


@pytest.mark.parametrize("number", LINES)
def test_a_line_that_says_it_led_elsewhere_is_told_with_where_it_leads(number: int) -> None:
    line = LONG.told[number]
    before = LONG.told[number - 1].to if number else State.QUEUED
    named = f"{type(line.event).__name__} at {line.at.isoformat()} leads from {before} to {line.to}, and the story says cancelled"
    assert changed(number, to=State.CANCELLED) == named


@pytest.mark.parametrize("number", [n for n in LINES if isinstance(LONG.told[n].event, ev.InputPassed | ev.TrainingFailed)])
def test_another_moment_is_told_where_money_hangs_on_it(number: int) -> None:
    found = changed(number, at=LONG.told[number].at + HOUR / 2)
    assert found
    assert found.startswith("attempt ")


@pytest.mark.parametrize("event", [ev.SubmissionAccepted(mark(), ReplicaId("r9")), ev.CancelRequested(), ev.SubmissionLost(mark(), "cut")])
def test_a_line_that_tells_of_something_else_is_told(event: ev.Event) -> None:
    assert changed(1, event=event)


def test_a_line_that_could_not_be_is_told_with_its_reason() -> None:
    found = changed(1, event=ev.ReleaseRequested())
    assert found
    assert found.startswith(f"the story cannot have been so: ReleaseRequested at {LONG.told[1].at.isoformat()}: ")
    assert "Only a held job can be released" in found


FIELDS: dict[str, dict[str, Any]] = {
    "its state is ready, and the story makes it done": {"state": State.READY},
    "its conversation is not what the story makes of it": {"conversation": Conversation(mark=talk(2))},
    "its conversation_wanted is True, and the story makes it False": {"conversation_wanted": True},
    "its cancel_requested is True, and the story makes it False": {"cancel_requested": True},
    "its failure is HeadphonesError, and the story makes it None": {"failure": Failure.HEADPHONES},
    "its release_to is queued, and the story makes it None": {"release_to": State.QUEUED},
    "its patient_from is 7, and the story makes it": {"patient_from": 7},
    "it has 2 attempts, and the story makes 3": {"attempts": LONG.job.attempts[:2]},
    "attempt 3 (trained, r7)": {"attempts": (*LONG.job.attempts[:2], replace(LONG.job.attempts[2], replica_id=ReplicaId("r7")))},
    "attempt 1 (failed, r1)": {"attempts": (replace(LONG.job.attempts[0], deletable_at=NOW), *LONG.job.attempts[1:])},
}


@pytest.mark.parametrize("problem", FIELDS)
def test_a_field_written_by_hand_is_told(problem: str) -> None:
    found = difference(replace(LONG.job, **FIELDS[problem]), LONG.told)
    assert found
    assert found.startswith(problem)


def test_an_address_in_the_conversation_is_never_repeated() -> None:
    assert LONG.job.conversation
    found = difference(replace(LONG.job, conversation=replace(LONG.job.conversation, url="https://secret.example")), LONG.told)
    assert found
    assert "https://" not in found


def test_what_looks_without_news_move_is_no_difference() -> None:
    looked = replace(
        LONG.job, due_at=NOW, tries=3, trying_since=NOW, scans=2, missing_since=NOW, watched_since=NOW, progress="9/100", detail="x"
    )
    assert difference(looked, LONG.told) is None


def test_when_a_wished_for_deletion_is_worked_on_is_no_difference_and_the_wish_is() -> None:
    wished = told(*PAID, ev.TrainingCompleted(REPLICA), ev.DeletionRequested(), start=job(request=_idle()))
    wish = wished.job.attempt.deletion
    assert wish
    later = wished.job.with_attempt(replace(wished.job.attempt, deletion=replace(wish, due_at=wish.due_at + HOUR)))
    assert difference(later, wished.told) is None
    for forged in (None, replace(wish, hard=True), replace(wish, confirmed_at=NOW)):
        assert difference(wished.job.with_attempt(replace(wished.job.attempt, deletion=forged)), wished.told)


def _idle() -> Request:
    return request(start=job(State.READY).request.start)


def test_a_story_is_lived_under_the_rules_of_its_moments() -> None:
    frugal = told(*PAID, BROKE, rules=FRUGAL)
    assert frugal.job.state is State.ABANDONED
    assert difference(frugal.job, frugal.told) is None
    assert difference(frugal.job, [replace(line, rules=RULES) for line in frugal.told])


def test_a_story_is_lived_under_the_terms_of_its_moments() -> None:
    scans = [ev.MarkAbsent(mark())] * RULES.settle_scans
    lost = told(ev.InputPassed(), ev.SubmissionLost(mark(), "cut"), *scans, start=job(terms=WARY))
    assert lost.job.state is State.HELD
    assert difference(replace(lost.job, terms=Terms()), lost.told) is None, "those of today do not count"
    assert difference(lost.job, [replace(line, terms=Terms()) for line in lost.told])


def test_a_line_that_no_decision_can_be_made_of_stops_no_audit() -> None:
    found = changed(1, event=ev.MarkAmbiguous(mark(), ()))
    assert found
    assert found.startswith("the story cannot have been so: MarkAmbiguous at ")
