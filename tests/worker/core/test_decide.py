"""The table: total, and money is spent in one cell of it only."""

from copy import deepcopy
from typing import get_args

import pytest

from tests.worker.core.samples import CONVERSATION, EVENTS, NOW, REPLICA, after, attempt, decided, doomed, job, opening, request
from worker.core import events as ev
from worker.core import people
from worker.core.decide import TABLE, Row
from worker.core.decision import Decision, IllegalTransition
from worker.core.effects import (
    ConfirmFailure,
    DeleteReplica,
    Effect,
    EndConversation,
    LookAtConversation,
    OpenConversation,
    RenameReplica,
    SubmitReplica,
    VerifyWitness,
)
from worker.core.job import Job, Outcome
from worker.core.request import Start
from worker.core.states import FINAL, WATCHED, State

Kind = type[ev.Event]
PEOPLE: tuple[Kind, ...] = (ev.ConversationRequested, ev.CancelRequested, ev.ReleaseRequested, ev.AbandonRequested, ev.RetryRequested)
HELD_ONLY: set[Kind] = {ev.ReleaseRequested, ev.AbandonRequested}
WATCHFUL = (State.QUEUED, State.SUBMITTING)
ASKED_IN_QUEUE: set[Kind] = {ev.InputPassed, ev.InputRejected, ev.InputUnread}
JOBS = (
    *(job(state) for state in State),
    opening(),
    after(job(State.DONE), ev.ConversationEndRequested()),
    job(State.DONE, request=request(start=Start.ON_DEMAND)),
    after(job(State.DONE, request=request(start=Start.ON_DEMAND)), ev.ConversationEnded(CONVERSATION)),
    job(State.QUEUED, attempts=(attempt(1, Outcome.FAILED),)),
    job(State.QUEUED, attempts=(attempt(1, Outcome.ABSENT),)),
    job(State.SUBMITTING, cancel_requested=True),
    job(State.SUBMITTING, attempts=(attempt(1, Outcome.ABSENT), attempt(2))),
    *(job(state, attempts=(attempt(1, Outcome.ABSENT, witness=REPLICA),)) for state in State if state is not State.TRAINING),
    job(State.TRAINING, attempts=(attempt(1, Outcome.ABSENT, witness=REPLICA), attempt(2, Outcome.CHARGED))),
    job(State.ABANDONED, due_at=NOW, attempts=(attempt(1),)),
    doomed(),
    doomed(State.ABANDONED, Outcome.FAILED),
    doomed(State.ABANDONED, Outcome.FAILED, confirmed_at=NOW),
)

ILLEGAL: dict[State, set[Kind]] = {
    State.QUEUED: HELD_ONLY | {ev.RetryRequested},
    State.SUBMITTING: ASKED_IN_QUEUE | HELD_ONLY | {ev.RetryRequested},
    State.TRAINING: ASKED_IN_QUEUE | HELD_ONLY | {ev.RetryRequested},
    State.READY: ASKED_IN_QUEUE | HELD_ONLY | {ev.RetryRequested},
    State.OPENING: ASKED_IN_QUEUE | HELD_ONLY | {ev.RetryRequested},
    State.DONE: ASKED_IN_QUEUE | {*PEOPLE},
    State.HELD: ASKED_IN_QUEUE | {ev.FellDue, ev.RetryRequested},
    State.ABANDONED: ASKED_IN_QUEUE | HELD_ONLY | {ev.CancelRequested, ev.ConversationRequested},
    State.CANCELLED: ASKED_IN_QUEUE | HELD_ONLY | {ev.ConversationRequested, ev.RetryRequested},
}


def outcome(before: Job, event: ev.Event) -> Decision | IllegalTransition:
    try:
        return decided(before, event)
    except IllegalTransition as illegal:
        return illegal


def effects_of(kind: type[Effect]) -> set[tuple[State, type[ev.Event]]]:
    """The (state, event) pairs that asked for an effect of this kind, over every sample job and event."""
    answers = ((before, event, outcome(before, event)) for before in JOBS for event in EVENTS)
    return {
        (before.state, type(event))
        for before, event, answer in answers
        if isinstance(answer, Decision) and any(isinstance(effect, kind) for effect in answer.effects)
    }


def test_there_is_a_sample_of_every_event() -> None:
    assert [type(event) for event in EVENTS] == list(get_args(ev.Event))


def test_the_table_has_a_cell_for_every_state_and_event() -> None:
    assert set(TABLE) == set(State)
    assert all(set(row) == set(get_args(ev.Event)) for row in TABLE.values())


@pytest.mark.parametrize("state", State)
def test_exactly_these_events_are_impossible(state: State) -> None:
    assert {event for event, row in TABLE[state].items() if row.handler is None} == ILLEGAL[state]


@pytest.mark.parametrize("state", State)
def test_the_impossible_is_refused_in_a_sentence(state: State) -> None:
    for event in (one for one in EVENTS if type(one) in ILLEGAL[state]):
        with pytest.raises(IllegalTransition) as raised:
            decided(job(state), event)
        assert str(raised.value).startswith(f"job {job().id} is {state}: {type(event).__name__} is not possible. ")
        assert raised.value.reason.endswith(".")
        assert raised.value.reason[0].isupper()
        assert (raised.value.job, raised.value.event) == (job(state), event)


def test_a_person_who_asks_for_the_impossible_is_told_more_than_that() -> None:
    plain = TABLE[State.SUBMITTING][ev.InputPassed].reason
    for state in State:
        for event in ILLEGAL[state] & set(PEOPLE):
            assert TABLE[state][event].reason != plain


@pytest.mark.parametrize("before", JOBS, ids=lambda one: str(one.state))
def test_every_other_pair_of_state_and_event_is_decided(before: Job) -> None:
    for event in (one for one in EVENTS if type(one) not in ILLEGAL[before.state]):
        if isinstance(
            event, ev.DeletionRequested | ev.RetryRequested | ev.ConversationRequested | ev.ConversationEndRequested | ev.LinkVisited
        ):
            continue  # their doors have tests of their own
        assert isinstance(outcome(before, event), Decision), event


def test_only_a_persons_retry_of_an_abandoned_job_and_a_visit_of_a_link_lead_out_of_a_final_state() -> None:
    ways = {(state, event) for state in FINAL for event, row in TABLE[state].items() if row.to - {state}}
    assert ways == {(State.ABANDONED, ev.RetryRequested), (State.DONE, ev.LinkVisited)}


def test_only_a_visit_and_word_of_its_end_ask_about_a_conversation() -> None:
    assert effects_of(LookAtConversation) == {(State.DONE, ev.LinkVisited), (State.DONE, ev.ConversationTold)}


def test_only_input_that_passed_in_the_queue_asks_for_a_submission() -> None:
    assert effects_of(SubmitReplica) == {(State.QUEUED, ev.InputPassed)}


def test_only_a_due_job_in_opening_asks_for_a_conversation() -> None:
    assert effects_of(OpenConversation) == {(State.OPENING, ev.FellDue)}


def test_only_a_wish_that_fell_due_asks_for_a_deletion_or_for_the_look_before_it() -> None:
    assert {event for kind in (DeleteReplica, ConfirmFailure) for _, event in effects_of(kind)} == {ev.DeletionFellDue}


def test_only_a_wish_that_fell_due_asks_for_the_end_of_a_conversation() -> None:
    assert effects_of(EndConversation) == {(State.DONE, ev.ConversationEndFellDue)}


def test_a_witness_is_asked_for_before_anything_is_paid_or_looked_for_and_when_nothing_else_is_done() -> None:
    assert effects_of(VerifyWitness) == {(state, ev.FellDue) for state in (*WATCHFUL, *WATCHED)}


def test_nobody_is_renamed_unless_the_rules_say_so() -> None:
    assert effects_of(RenameReplica) == set()


def test_a_decision_leaves_its_job_as_it_was_and_is_the_same_each_time() -> None:
    for before in JOBS:
        for event in EVENTS:
            copy = deepcopy(before)
            first, second = outcome(before, event), outcome(deepcopy(before), event)
            assert before == copy
            assert str(first) == str(second)
            assert first == second or isinstance(first, IllegalTransition)


def test_a_handler_that_leads_where_its_row_does_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    row = TABLE[State.TRAINING]
    assert isinstance(row, dict)
    monkeypatch.setitem(row, ev.CancelRequested, Row(people.abandon, frozenset({State.CANCELLED})))
    with pytest.raises(IllegalTransition, match="does not lead to abandoned: mend the table"):
        decided(job(State.TRAINING), ev.CancelRequested())
