"""A job that is over stays over, one that is ready stays ready, and both are asked about until it is known what became of all their money."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.worker.core.samples import FOREIGN, HOUR, MINUTE, NOW, REPLICA, RULES, SECOND, after, attempt, decided, job, mark, request
from worker.core import events as ev
from worker.core.credits import Entry, entry_of
from worker.core.decision import Decision
from worker.core.effects import LookUpMark, PollReplica, StopAccount, VerifyWitness
from worker.core.failures import Failure
from worker.core.job import ConversationId, Job, Outcome, ReplicaId
from worker.core.marks import conversation_mark
from worker.core.request import Start
from worker.core.states import WATCHED, State

watching = pytest.mark.parametrize("state", sorted(WATCHED))
POLL = PollReplica("main", REPLICA, "phoenix-4")
LATER = NOW + HOUR
HEADSET = ev.TrainingFailed(REPLICA, Failure.HEADPHONES, "a headset")
MISSING = ev.ReplicaMissing(REPLICA, "404")


def watched(state: State, outcome: Outcome = Outcome.CHARGED, **changes: Any) -> Job:  # noqa: ANN401 - fields of Job
    """A job that is over, or ready, while its submission's money is not settled."""
    return job(state, **({"due_at": NOW, "attempts": (attempt(1, outcome),)} | changes))


def test_a_cancelled_training_is_looked_at_as_any_other_until_it_ends() -> None:
    cancelled = after(job(State.TRAINING), ev.CancelRequested(), now=LATER)
    going_on = after(job(State.TRAINING), ev.TrainingContinued(REPLICA, None), now=LATER)
    assert cancelled.due_at is not None
    assert cancelled.due_at == going_on.due_at
    assert decided(cancelled, ev.FellDue(), cancelled.due_at).effects == (POLL,)
    goes_on = decided(cancelled, ev.TrainingContinued(REPLICA, "60/100"), cancelled.due_at).job
    assert goes_on.due_at is not None
    assert goes_on.due_at > cancelled.due_at


def test_an_abandoned_job_whose_submission_may_have_been_made_is_looked_for_at_once() -> None:
    held = job(State.HELD, attempts=(attempt(1),), failure=Failure.LOOKUP_UNREAD, release_to=State.SUBMITTING)
    given_up = after(held, ev.AbandonRequested(), now=LATER)
    assert (given_up.state, given_up.due_at) == (State.ABANDONED, LATER)
    assert decided(given_up, ev.FellDue(), LATER).effects == (LookUpMark("main", mark()),)


def test_a_job_that_ends_with_nothing_unsettled_is_not_asked_about() -> None:
    for ended in (
        after(job(), ev.CancelRequested()),
        after(job(State.READY), ev.CancelRequested()),
        after(job(State.HELD), ev.AbandonRequested()),
        after(job(State.TRAINING), HEADSET),
    ):
        assert ended.state in {State.ABANDONED, State.CANCELLED}
        assert ended.due_at is None


@watching
@pytest.mark.parametrize(
    ("news", "entry"),
    [(ev.TrainingCompleted(REPLICA), Entry.CHARGED), (HEADSET, Entry.REFUND_EXPECTED)],
)
def test_its_end_is_put_on_record_and_the_job_stays_as_it_is(state: State, news: ev.Event, entry: Entry) -> None:
    ended = decided(watched(state), news, LATER)
    assert (ended.job.state, ended.job.due_at, ended.effects) == (state, None, ())
    assert entry_of(ended.job.attempt, LATER) is entry
    assert ended.why
    assert ended.job.failure is watched(state).failure


@watching
def test_a_failure_that_is_learned_late_starts_the_refunds_clock(state: State) -> None:
    assert after(watched(state), HEADSET, now=LATER).attempt.deletable_at == LATER + RULES.refund_hold


@watching
def test_what_is_found_to_have_been_paid_is_followed_to_its_end(state: State) -> None:
    for news in (ev.MarkFound(mark(), REPLICA), ev.SubmissionAccepted(mark(), REPLICA)):
        found = decided(watched(state, Outcome.RESERVED, scans=3), news, LATER).job
        assert (found.state, found.attempt.outcome, found.scans) == (state, Outcome.CHARGED, 0)
        assert found.due_at is not None
        assert decided(found, ev.FellDue(), found.due_at).effects == (POLL,)


@watching
def test_of_more_than_one_all_are_on_record(state: State) -> None:
    others = (ReplicaId("r8"), ReplicaId("r9"))
    found = decided(watched(state, Outcome.RESERVED), ev.MarkAmbiguous(mark(), (REPLICA, *others)), LATER)
    assert (found.job.replica_id, found.job.attempt.strays, found.job.state) == (REPLICA, others, state)
    assert "r8" in found.why
    assert "r9" in found.why


@watching
def test_a_refusal_that_comes_late_settles_it(state: State) -> None:
    refused = decided(watched(state, Outcome.RESERVED), ev.SubmissionRefused(mark(), Failure.OUT_OF_CREDIT, "402"), LATER)
    assert (refused.job.attempt.outcome, refused.job.due_at, refused.effects) == (Outcome.REFUSED, None, ())
    for stale in (ev.SubmissionRefused(FOREIGN, Failure.RATE_LIMITED, "429"), ev.SubmissionRefused(mark(), Failure.RATE_LIMITED, "429")):
        assert decided(watched(state), stale) == Decision(watched(state))


@watching
def test_an_absence_is_believed_no_sooner_than_for_a_job_that_goes_on(state: State) -> None:
    absent, settled = ev.MarkAbsent(mark()), NOW + RULES.settle_time
    early = after(watched(state, Outcome.RESERVED), *[absent] * 9, now=settled - SECOND)
    few = after(watched(state, Outcome.RESERVED), *[absent] * (RULES.settle_scans - 1), now=settled)
    for almost in (early, few):
        assert almost.attempt.outcome is Outcome.RESERVED
        assert almost.due_at is not None
    gone = after(few, absent, now=settled)
    assert (gone.state, gone.attempt.outcome, gone.due_at) == (state, Outcome.ABSENT, None)


@watching
def test_absences_of_what_is_known_say_nothing(state: State) -> None:
    for one in (watched(state), watched(state, Outcome.RESERVED), job(state, due_at=None, attempts=())):
        for event in (ev.MarkAbsent(FOREIGN), *([ev.MarkAbsent(mark())] if one.replica_id else [])):
            assert decided(one, event) == Decision(one)


@watching
def test_a_list_that_cannot_be_read_is_read_again_for_as_long_as_it_takes(state: State) -> None:
    looking, now = watched(state, Outcome.RESERVED), NOW
    for _ in range(300):
        unread = decided(looking, ev.LookupUnread(mark(), "401", None, Failure.KEY_REJECTED), now)
        assert unread.effects == (StopAccount("main", Failure.KEY_REJECTED, deaf=True),)
        looking = unread.job
        assert (looking.state, looking.attempt.outcome) == (state, Outcome.RESERVED)
        assert looking.due_at is not None
        now = looking.due_at
    assert now > NOW + RULES.lookup_patience


@watching
def test_a_question_that_was_not_answered_is_asked_again(state: State) -> None:
    unread = decided(watched(state), ev.PollUnread("401", HOUR, Failure.KEY_REJECTED))
    assert unread.effects == (StopAccount("main", Failure.KEY_REJECTED, deaf=True),)
    assert (unread.job.state, unread.job.due_at) == (state, NOW + HOUR)


@watching
def test_a_training_that_outlives_every_deadline_twice_is_no_longer_looked_at(state: State) -> None:
    going, end = ev.TrainingContinued(REPLICA, None), NOW + 2 * RULES.training_deadline
    assert after(watched(state), going, now=end - SECOND).due_at is not None
    outlived = decided(watched(state), going, end)
    assert (outlived.job.due_at, outlived.job.attempt.outcome) == (None, Outcome.CHARGED)
    assert "no longer looked at" in outlived.why
    assert after(outlived.job, going, now=end + HOUR) == outlived.job


@watching
def test_a_replica_that_tavus_no_longer_knows_is_believed_gone_when_it_has_said_so_for_the_confirm_time(state: State) -> None:
    doubted = after(watched(state), MISSING)
    assert (doubted.due_at, doubted.attempt.vanished_at) == (NOW + RULES.missing_confirm / 2, None)
    assert after(doubted, MISSING, now=NOW + RULES.missing_confirm - SECOND).attempt.vanished_at is None
    gone = after(doubted, MISSING, now=NOW + RULES.missing_confirm)
    assert (gone.state, gone.due_at) == (state, None)
    assert entry_of(gone.attempt, LATER) is Entry.AT_RISK


@watching
def test_a_replica_that_was_missed_and_is_there_again_is_not_believed_gone(state: State) -> None:
    seen = after(after(watched(state), MISSING), ev.TrainingContinued(REPLICA, None), now=NOW + RULES.missing_confirm)
    assert after(seen, MISSING, now=NOW + RULES.missing_confirm).attempt.vanished_at is None


@watching
@pytest.mark.parametrize(
    "event",
    [ev.TrainingContinued(ReplicaId("r9"), None), ev.TrainingCompleted(ReplicaId("r9")), ev.TrainingFailed(ReplicaId("r9"), Failure.HEADPHONES, ""),
     ev.ReplicaMissing(ReplicaId("r9"), "404")],
)  # fmt: skip
def test_news_of_another_replica_says_nothing_of_this_one(state: State, event: ev.Event) -> None:
    assert decided(watched(state), event, NOW + 1000 * HOUR) == Decision(watched(state))


@watching
def test_once_all_is_known_nothing_is_asked_and_late_answers_change_nothing(state: State) -> None:
    known = job(state, due_at=None, attempts=(attempt(1, Outcome.TRAINED),))
    late = (
        ev.TrainingContinued(REPLICA, None), ev.TrainingCompleted(REPLICA), HEADSET, MISSING, ev.PollUnread("500"),
        ev.LookupUnread(mark(), "500"), ev.MarkFound(mark(), REPLICA), ev.SubmissionAccepted(mark(), REPLICA),
    )  # fmt: skip
    for event in late:
        assert decided(known, event, NOW + 1000 * HOUR) == Decision(known), event
    rung = decided(job(state, due_at=NOW, attempts=known.attempts), ev.FellDue())
    assert (rung.job.due_at, rung.effects) == (None, ())


@watching
def test_a_poll_that_the_account_is_to_blame_for_stops_its_line_even_when_nothing_is_due(state: State) -> None:
    unread = decided(job(state, due_at=None), ev.PollUnread("401", None, Failure.KEY_REJECTED))
    assert unread.effects == (StopAccount("main", Failure.KEY_REJECTED, deaf=True),)
    assert unread.job.due_at is None


@watching
def test_a_callback_brings_the_look_forward(state: State) -> None:
    far = watched(state, due_at=NOW + HOUR)
    assert after(far, ev.CallbackReceived()).due_at == NOW
    settled = job(state, due_at=None, attempts=(attempt(1, Outcome.TRAINED),))
    assert after(settled, ev.CallbackReceived()) == settled


@watching
def test_a_callback_about_what_is_known_is_noted_once_and_makes_nothing_due(state: State) -> None:
    settled = job(state, due_at=None, attempts=(attempt(1, Outcome.TRAINED),))
    called = decided(settled, ev.CallbackReceived(mark(), REPLICA), LATER)
    assert called.job == replace(settled, attempts=(attempt(1, Outcome.TRAINED, called_at=LATER),))
    assert called.why
    assert decided(called.job, ev.CallbackReceived(mark(), REPLICA), LATER + HOUR) == Decision(called.job)


@watching
def test_a_training_that_is_late_though_nobody_waits_for_it_raises_one_alarm_and_is_looked_at_seldom(state: State) -> None:
    late = decided(watched(state), ev.TrainingContinued(REPLICA, None), NOW + RULES.training_soft_deadline)
    assert "is late" in late.why
    assert late.job.due_at == NOW + RULES.training_soft_deadline + RULES.late_interval
    assert decided(late.job, ev.TrainingContinued(REPLICA, None), late.job.due_at).why == ""


@watching
def test_a_callback_that_names_a_replica_nobody_knew_of_is_looked_into_and_what_was_paid_is_followed(state: State) -> None:
    settled = job(state, due_at=None, attempts=(attempt(1, Outcome.ABSENT),))
    hinted = after(settled, ev.CallbackReceived(mark(), REPLICA), now=LATER)
    assert hinted.due_at == LATER
    assert decided(hinted, ev.FellDue(), LATER).effects == (VerifyWitness("main", mark(), REPLICA),)
    found = after(hinted, ev.MarkFound(mark(), REPLICA), now=LATER)
    assert (found.state, found.attempt.outcome, found.due_at is None) == (state, Outcome.CHARGED, False)
    forged = after(hinted, ev.WitnessRejected(mark(), REPLICA, "no"), ev.FellDue(), now=LATER)
    assert (forged.due_at, forged.attempt.outcome) == (None, Outcome.ABSENT)


@watching
def test_a_later_failure_leads_to_the_earlier_replica_that_was_paid_for_too(state: State) -> None:
    both = watched(state, attempts=(attempt(1, Outcome.CHARGED), attempt(2, Outcome.CHARGED)))
    failed = after(both, ev.TrainingFailed(ReplicaId("r2"), Failure.HEADPHONES, ""), now=LATER)
    assert failed.due_at is not None
    assert decided(failed, ev.FellDue(), failed.due_at).effects == (POLL,)


@pytest.mark.parametrize("state", [State.READY, State.DONE])
def test_a_second_replica_of_a_job_that_has_a_trained_one_is_watched_beside_it(state: State) -> None:
    trained = job(state, attempts=(attempt(1, Outcome.ABSENT), attempt(2, Outcome.TRAINED)))
    late = after(trained, ev.SubmissionAccepted(mark(1), REPLICA), now=LATER)
    assert late.due_at is not None
    assert decided(late, ev.FellDue(), late.due_at).effects == (POLL,)
    ended = after(late, HEADSET, now=LATER)
    assert (ended.state, ended.due_at, ended.replica_id) == (state, None, "r2")
    assert ended.attempts[0].deletable_at == LATER + RULES.refund_hold


@pytest.mark.parametrize(("start", "state"), [(Start.NONE, State.DONE), (Start.ON_DEMAND, State.READY)])
def test_a_job_that_has_its_replica_beside_another_of_its_own_watches_that_one(start: Start, state: State) -> None:
    both = (attempt(1, Outcome.CHARGED), attempt(2, Outcome.CHARGED))
    trained = after(job(State.TRAINING, attempts=both, request=request(start=start)), ev.TrainingCompleted(ReplicaId("r2")))
    assert trained.state is state
    assert trained.due_at is not None
    assert decided(trained, ev.FellDue(), trained.due_at).effects == (POLL,)


@pytest.mark.parametrize("state", [State.READY, State.DONE])
def test_a_second_one_that_is_trained_too_is_on_record_and_not_the_job_s_own_though_its_number_is_higher(state: State) -> None:
    own = attempt(1, Outcome.TRAINED, ended_at=NOW)
    both = job(state, due_at=NOW + HOUR, attempts=(own, attempt(2, Outcome.CHARGED)))
    trained = after(both, ev.TrainingCompleted(ReplicaId("r2")), now=LATER)
    assert [one.outcome for one in trained.attempts] == [Outcome.TRAINED, Outcome.TRAINED]
    assert (trained.state, trained.due_at, trained.replica_id) == (state, None, own.replica_id)
    gone = replace(trained, attempts=(replace(own, deleted_at=LATER + HOUR), trained.attempts[1]))
    assert gone.replica_id == own.replica_id, "somebody wanted it gone, and no other in its place"
    anew = replace(trained, attempts=(replace(own, deleted_at=NOW), replace(trained.attempts[1], intended_at=NOW + MINUTE)))
    assert anew.replica_id == "r2", "this one was paid for in its place"


def test_whoever_asks_for_the_conversation_meanwhile_gets_it_and_what_is_watched_is_watched_again_after_it() -> None:
    both = (attempt(1, Outcome.CHARGED), attempt(2, Outcome.TRAINED))
    ready = job(State.READY, due_at=NOW + HOUR, attempts=both, scans=2, tries=3)
    asked = after(ready, ev.ConversationRequested())
    assert (asked.state, asked.due_at, asked.scans, asked.tries) == (State.OPENING, NOW, 0, 0)
    opened = after(
        asked, ev.FellDue(), ev.ConversationOpened(conversation_mark(asked.id, 1), ConversationId("c1"), "https://tavus.daily.co/c1")
    )
    assert opened.state is State.DONE
    assert opened.due_at is not None
    assert decided(opened, ev.FellDue(), opened.due_at).effects == (POLL,)


@watching
def test_a_later_replica_that_vanished_leads_to_the_earlier_one(state: State) -> None:
    both = watched(state, attempts=(attempt(1, Outcome.CHARGED), attempt(2, Outcome.CHARGED)))
    missing = ev.ReplicaMissing(ReplicaId("r2"), "404")
    gone = after(after(both, missing), missing, now=NOW + RULES.missing_confirm)
    assert gone.due_at is not None
    assert decided(gone, ev.FellDue(), gone.due_at).effects == (POLL,)


@watching
def test_every_replica_that_was_paid_for_is_watched_to_its_end_and_then_nothing_is_asked_any_more(state: State) -> None:
    asked: list[str] = []
    one = watched(state, attempts=(attempt(1, Outcome.CHARGED), attempt(2, Outcome.CHARGED)))
    now = NOW + timedelta(hours=4)
    while one.due_at is not None and len(asked) < 9:
        now = max(now, one.due_at)
        (effect,) = decided(one, ev.FellDue(), now).effects
        assert isinstance(effect, PollReplica)
        asked.append(effect.replica_id)
        one = after(one, ev.TrainingCompleted(effect.replica_id), now=now)
    assert sorted(asked) == ["r1", "r2"]
    assert {each.outcome for each in one.attempts} == {Outcome.TRAINED}
