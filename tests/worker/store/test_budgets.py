"""An account's own limits: counted where the intent to pay is written, so that nobody takes the last place twice, and nobody waits for a free one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.worker.store.made import LEASE, MAIN, NOW, SECOND, THREADS, an_attempt, at_once, changed, stored
from worker.core import events
from worker.core.decide import decide
from worker.core.effects import SubmitReplica
from worker.core.failures import Failure
from worker.core.job import Job, Outcome, ReplicaId, Terms
from worker.core.rules import Rules
from worker.core.states import State
from worker.store.budgets import BudgetSpentError
from worker.store.jobs import Applied, Ledger

RULES = Rules()
MONTH_END = datetime(2026, 12, 1, tzinfo=UTC)
DAY = timedelta(days=1)
IN_FLIGHT, A_MONTH = Terms(max_in_flight=2), Terms(max_trainings_a_month=2)


def attempted(
    ledger: Ledger,
    outcome: Outcome = Outcome.CHARGED,
    account: str = MAIN,
    state: State = State.TRAINING,
    **changes: Any,  # noqa: ANN401 - fields of Attempt
) -> Job:
    """A job with one submission."""
    job = stored(ledger, state, account=account)
    made = outcome in {Outcome.CHARGED, Outcome.TRAINED, Outcome.FAILED}
    attempt = an_attempt(job, outcome=outcome, replica_id=ReplicaId(f"r{job.id[-12:]}") if made else None, **changes)
    return changed(ledger, job, attempts=(attempt,))


def queued(ledger: Ledger, count: int = 1, **changes: Any) -> list[Job]:  # noqa: ANN401 - fields of Job
    """Jobs that would be submitted, as the ledger reads them."""
    return ledger.get_many([stored(ledger, **changes).id for _ in range(count)])


def intent(job: Job, now: datetime = NOW) -> Applied:
    """The decision to pay for the job."""
    passed = events.InputPassed()
    decision = decide(job, passed, now, RULES)
    assert any(isinstance(effect, SubmitReplica) for effect in decision.effects)
    return Applied(job, passed, decision, RULES)


def said(ledger: Ledger, account: str = MAIN, now: datetime = NOW) -> Failure | None:
    """What the limits say to one more training."""
    reached = ledger.budget_reached(account, now, RULES)
    return reached.failure if reached else None


def paid(ledger: Ledger, job: Job, now: datetime = NOW) -> bool:
    """Whether the intent to pay could be written."""
    try:
        ledger.apply(intent(job, now), now)
    except BudgetSpentError:
        return False
    return True


def test_an_account_that_nobody_has_limited_has_no_limit(ledger: Ledger) -> None:
    for _ in range(5):
        attempted(ledger)
    assert said(ledger) is None
    assert paid(ledger, queued(ledger)[0])


@pytest.mark.parametrize("outcome", [Outcome.RESERVED, Outcome.CHARGED])
def test_no_more_trainings_are_under_way_than_the_account_allows(ledger: Ledger, outcome: Outcome) -> None:
    ledger.set_terms(MAIN, IN_FLIGHT, NOW)
    attempted(ledger, outcome)
    assert said(ledger) is None
    attempted(ledger, outcome)
    assert said(ledger) is Failure.IN_FLIGHT_FULL
    reached = ledger.budget_reached(MAIN, NOW, RULES)
    assert reached is not None
    assert reached.retry_after is None, "time alone frees no place"
    assert "2 trainings run" in reached.detail


@pytest.mark.parametrize(
    "settled",
    [
        {"outcome": Outcome.TRAINED},
        {"outcome": Outcome.FAILED},
        {"outcome": Outcome.REFUSED},
        {"outcome": Outcome.ABSENT},
        {"vanished_at": NOW},
        {"intended_at": NOW - 2 * RULES.training_deadline},
    ],
)
def test_a_training_that_is_over_or_that_nobody_looks_at_any_more_takes_no_place(ledger: Ledger, settled: dict[str, Any]) -> None:
    ledger.set_terms(MAIN, IN_FLIGHT, NOW)
    attempted(ledger)
    attempted(ledger, **settled)
    assert said(ledger) is None


@pytest.mark.parametrize("state", [State.CANCELLED, State.HELD])
def test_a_training_takes_its_place_whatever_became_of_its_job(ledger: Ledger, state: State) -> None:
    ledger.set_terms(MAIN, Terms(max_in_flight=1), NOW)
    attempted(ledger, state=state)
    assert said(ledger) is Failure.IN_FLIGHT_FULL


def test_one_accounts_trainings_take_no_place_of_anothers(ledger: Ledger) -> None:
    ledger.set_terms(MAIN, Terms(max_in_flight=1, max_trainings_a_month=1), NOW)
    attempted(ledger, account="other")
    assert said(ledger) is None
    assert said(ledger, "other") is None


def test_a_month_counts_what_is_paid_for_in_it_and_says_when_it_is_over(ledger: Ledger) -> None:
    ledger.set_terms(MAIN, A_MONTH, NOW)
    attempted(ledger, Outcome.TRAINED, intended_at=NOW - 2 * DAY)  # last month
    attempted(ledger, Outcome.TRAINED)
    assert said(ledger) is None
    attempted(ledger, Outcome.CHARGED, vanished_at=NOW)  # its credit may be gone
    reached = ledger.budget_reached(MAIN, NOW, RULES)
    assert reached is not None
    assert (reached.failure, reached.retry_after) == (Failure.MONTH_SPENT, MONTH_END - NOW)
    assert said(ledger, now=MONTH_END) is None


def test_the_last_month_of_a_year_is_followed_by_the_first_of_the_next(ledger: Ledger) -> None:
    ledger.set_terms(MAIN, Terms(max_trainings_a_month=0), NOW)
    for now, end in (
        (datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2027, 1, 31, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)),
        (datetime(2028, 2, 1, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),
    ):
        reached = ledger.budget_reached(MAIN, now, RULES)
        assert reached is not None
        assert reached.retry_after == end - now


def test_a_failed_training_counts_until_its_refund_may_be_assumed(ledger: Ledger) -> None:
    ledger.set_terms(MAIN, Terms(max_trainings_a_month=1), NOW)
    attempted(ledger, Outcome.FAILED, deletable_at=NOW + DAY)
    assert said(ledger) is Failure.MONTH_SPENT
    assert said(ledger, now=NOW + DAY) is None


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.ABSENT])
def test_what_was_never_paid_counts_for_nothing(ledger: Ledger, outcome: Outcome) -> None:
    ledger.set_terms(MAIN, Terms(max_trainings_a_month=1), NOW)
    attempted(ledger, outcome)
    assert said(ledger) is None


def test_an_intent_over_the_limit_is_not_written_and_the_job_stays_as_it_is(ledger: Ledger) -> None:
    ledger.set_terms(MAIN, Terms(max_in_flight=1), NOW)
    attempted(ledger)
    (job,) = queued(ledger)
    with pytest.raises(BudgetSpentError) as spent:
        ledger.apply(intent(job), NOW)
    assert spent.value.event.failure is Failure.IN_FLIGHT_FULL
    assert ledger.get(job.id) == job
    assert len(ledger.story(job.id)) == 2


@pytest.mark.parametrize("terms", [Terms(max_in_flight=1), Terms(max_trainings_a_month=1)])
def test_of_many_that_want_the_last_place_at_the_same_moment_one_gets_it(ledger: Ledger, terms: Terms) -> None:
    ledger.set_terms(MAIN, terms, NOW)
    for _ in range(3):
        jobs = queued(ledger, THREADS)
        assert sorted(at_once(lambda number: paid(ledger, jobs[number]))) == [False] * (THREADS - 1) + [True]  # noqa: B023 - over by then
        (winner,) = [job for job in ledger.get_many([job.id for job in jobs]) if job.attempts]
        changed(ledger, winner, attempts=(replace(winner.attempt, outcome=Outcome.REFUSED),))


def test_limits_of_two_accounts_do_not_make_their_jobs_wait_for_each_other(ledger: Ledger) -> None:
    names = [f"account-{number}" for number in range(THREADS)]
    for name in names:
        ledger.set_terms(name, Terms(max_in_flight=1), NOW)
    jobs = [queued(ledger, account=name)[0] for name in names]
    assert at_once(lambda number: paid(ledger, jobs[number])) == [True] * THREADS


# Who waits for a place.


def waiting(ledger: Ledger, failure: Failure = Failure.IN_FLIGHT_FULL, **changes: Any) -> Job:  # noqa: ANN401 - fields of Job
    """A job that waits for the budget for hours."""
    return changed(ledger, stored(ledger, **changes), due_at=NOW + DAY, failure=failure)


def due(ledger: Ledger, now: datetime = NOW) -> set[str]:
    return {claim.job_id for claim in ledger.claim_due([State.QUEUED], MAIN, now, LEASE, 99)}


def ended(ledger: Ledger, job: Job, **changes: Any) -> Job:  # noqa: ANN401 - fields of Attempt
    """The job once its training is over."""
    job = ledger.get(job.id)
    return changed(ledger, job, attempts=(replace(job.attempt, **({"outcome": Outcome.TRAINED} | changes)),))


def test_when_a_training_ends_the_first_that_waits_for_its_place_is_due_and_no_other(ledger: Ledger) -> None:
    ledger.set_terms(MAIN, Terms(max_in_flight=1), NOW)
    training = attempted(ledger)
    late, first, urgent = waiting(ledger), waiting(ledger), waiting(ledger, priority=1)
    another, month = waiting(ledger, account="other"), waiting(ledger, Failure.MONTH_SPENT)
    ended(ledger, training)
    assert due(ledger) == {urgent.id}
    assert {late.id, first.id, another.id, month.id} & due(ledger) == set()


@pytest.mark.parametrize(
    "end", [{"outcome": Outcome.FAILED}, {"outcome": Outcome.REFUSED}, {"outcome": Outcome.ABSENT}, {"vanished_at": NOW}]
)
def test_however_a_training_ends_its_place_is_free(ledger: Ledger, end: dict[str, Any]) -> None:
    ledger.set_terms(MAIN, Terms(max_in_flight=1), NOW)
    training, job = attempted(ledger), waiting(ledger)
    ended(ledger, training, **end)
    assert due(ledger) == {job.id}


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.ABSENT])
def test_a_submission_that_was_not_paid_after_all_leaves_its_place_of_the_month_to_the_first_that_waits(
    ledger: Ledger, outcome: Outcome
) -> None:
    ledger.set_terms(MAIN, Terms(max_trainings_a_month=1), NOW)
    sent = attempted(ledger, Outcome.RESERVED, state=State.SUBMITTING)
    late, urgent = waiting(ledger, Failure.MONTH_SPENT), waiting(ledger, Failure.MONTH_SPENT, priority=1)
    ended(ledger, sent, outcome=outcome)
    assert said(ledger) is None
    assert due(ledger) == {urgent.id}
    assert late.id not in due(ledger)


def test_a_refund_leaves_its_place_of_the_month_to_those_who_wait_when_it_is_safe(ledger: Ledger) -> None:
    ledger.set_terms(MAIN, Terms(max_trainings_a_month=2), NOW)
    failing, safe = [attempted(ledger), attempted(ledger)], NOW + DAY / 2
    jobs = {waiting(ledger, Failure.MONTH_SPENT).id for _ in range(2)}
    ended(ledger, failing[0], outcome=Outcome.FAILED, deletable_at=safe)
    ended(ledger, failing[1], outcome=Outcome.FAILED, deletable_at=safe + DAY)
    told = ledger.budget_reached(MAIN, NOW, RULES)
    assert told is not None
    assert told.retry_after == safe - NOW, "who comes new waits for the first of them too"
    assert due(ledger, safe - SECOND) == set()
    assert said(ledger, now=safe) is None
    assert due(ledger, safe) == jobs


def test_who_finds_no_place_when_one_came_free_waits_for_the_next(ledger: Ledger) -> None:
    ledger.set_terms(MAIN, Terms(max_trainings_a_month=1), NOW)
    failing, sent = attempted(ledger), attempted(ledger, Outcome.RESERVED, state=State.SUBMITTING)
    ended(ledger, failing, outcome=Outcome.FAILED, deletable_at=NOW + DAY)
    told = ledger.budget_reached(MAIN, NOW, RULES)
    assert (told and told.retry_after) == DAY
    ended(ledger, sent, outcome=Outcome.REFUSED)
    again = ledger.budget_reached(MAIN, NOW, RULES)
    assert (again and again.retry_after) == DAY
    after = ledger.budget_reached(MAIN, NOW + DAY, RULES)
    assert after is None


def test_a_look_without_an_end_frees_no_place(ledger: Ledger) -> None:
    ledger.set_terms(MAIN, Terms(max_in_flight=1), NOW)
    training, _ = attempted(ledger), waiting(ledger)
    changed(ledger, ledger.get(training.id), progress="40/100")
    assert due(ledger) == set()


@pytest.mark.parametrize("failure", [Failure.IN_FLIGHT_FULL, Failure.MONTH_SPENT])
def test_new_terms_wake_everybody_who_waits_for_the_budget_and_nobody_else(ledger: Ledger, failure: Failure) -> None:
    woken = [waiting(ledger, failure) for _ in range(3)]
    waiting(ledger, failure, account="other")
    waiting(ledger, Failure.RATE_LIMITED)
    ledger.set_terms(MAIN, Terms(max_in_flight=9), NOW)
    assert due(ledger) == {job.id for job in woken}


def test_who_was_rung_for_already_is_not_woken_again(ledger: Ledger) -> None:
    job = changed(ledger, stored(ledger), failure=Failure.IN_FLIGHT_FULL)
    assert due(ledger) == {job.id}
    ledger.set_terms(MAIN, Terms(max_in_flight=9), NOW + SECOND)
    assert due(ledger, NOW + SECOND) == set()


def test_terms_are_read_as_they_were_set_and_with_every_job_of_the_account(ledger: Ledger) -> None:
    (job,) = queued(ledger)
    assert job.terms == ledger.terms(MAIN) == Terms()
    ledger.set_terms(MAIN, A_MONTH, NOW)
    assert ledger.terms(MAIN) == ledger.get(job.id).terms == A_MONTH
    ledger.set_terms(MAIN, Terms(), NOW)
    assert ledger.get(job.id).terms == Terms()
    assert ledger.terms("nobody") == Terms()


def test_setting_terms_neither_stops_nor_resumes_an_account(ledger: Ledger) -> None:
    ledger.set_terms(MAIN, A_MONTH, NOW)
    assert ledger.stops() == []
