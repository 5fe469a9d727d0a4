"""An account whose key is refused is not asked anything; one without credit pays for nothing, but its trainings are watched. A person resumes it."""

from tests.worker.engine.house import DONE, LEASE, MAIN, OTHER, RULES, House
from worker.core.events import ConversationEndRequested, ConversationRequested, DeletionRequested
from worker.core.failures import Failure
from worker.core.job import JobId
from worker.core.request import Start
from worker.core.states import State

KEY = "key-of-main"


def stopped(house: House) -> list[tuple[str, Failure]]:
    return [(stop.account, stop.failure) for stop in house.ledger.stops()]


def out_of_credit(house: House) -> JobId:
    """A job that is held because its account has no credit."""
    house.sandbox.account(KEY, training_credits=0)
    job_id = house.enqueue()
    held = house.step(job_id)
    assert (held.state, held.failure, held.release_to) == (State.HELD, Failure.OUT_OF_CREDIT, State.QUEUED)
    return job_id


def test_an_account_without_credit_pays_for_nothing_more_while_its_trainings_go_on(either_house: House) -> None:
    house = either_house
    watched = house.training(start=Start.NONE)
    out_of_credit(house)
    assert stopped(house) == [(MAIN, Failure.OUT_OF_CREDIT)]
    waiting, elsewhere = house.enqueue(), house.enqueue(account=OTHER)
    assert house.step(waiting).state is State.QUEUED
    assert house.step(elsewhere).state is State.TRAINING
    house.wait(DONE)
    assert house.step(watched).state is State.DONE
    assert house.asked()["create_replica"] == 3


def test_a_lost_submission_is_looked_for_on_an_account_without_credit(house: House) -> None:
    house.sandbox.set_faults({"on": "create_replica", "kind": "cut", "moment": "after", "times": 1})
    lost = house.enqueue()
    house.step(lost)
    out_of_credit(house)
    assert house.go_on(lost, while_in=State.SUBMITTING).state is State.TRAINING


def test_a_refused_key_stops_every_question_of_its_account_and_ends_no_training(either_house: House) -> None:
    house = either_house
    first, second, elsewhere = house.training(), house.training(), house.training(account=OTHER)
    house.wait(DONE)
    house.sandbox.account(KEY, revoked=True)
    assert house.step(first).state is State.TRAINING
    assert stopped(house) == [(MAIN, Failure.KEY_REJECTED)]
    asked = sum(house.asked().values())
    house.wait(LEASE)
    assert house.engine.advance_many([first, second]) == []
    assert house.step(house.enqueue()).state is State.QUEUED
    assert sum(house.asked().values()) == asked
    assert house.go_on(elsewhere).state is State.DONE


def test_a_resumed_account_goes_on_where_it_stopped_and_pays_for_each_job_once(either_house: House) -> None:
    house = either_house
    training, queued, held = house.training(), house.enqueue(), out_of_credit(house)
    house.sandbox.account(KEY, revoked=True)
    house.wait(DONE)
    house.step(training)  # deaf now, and stopped for two reasons
    house.sandbox.account(KEY, revoked=False, training_credits=None)
    assert [job.id for job in house.engine.resume_account(MAIN)] == [held]
    assert stopped(house) == []
    for job_id in (training, queued, held):
        assert house.go_on(job_id).state is State.DONE
        assert len(house.paid(job_id)) == 1


def test_what_was_wished_of_an_account_whose_key_is_refused_is_asked_for_once_and_carried_out_when_a_person_has_mended_it(
    either_house: House,
) -> None:
    house = either_house
    talking, idle = house.training(), house.training(start=Start.NONE)
    assert {house.go_on(one).state for one in (talking, idle)} == {State.DONE}
    house.tell(talking, ConversationEndRequested())
    house.tell(idle, DeletionRequested())
    house.sandbox.account(KEY, revoked=True)
    house.engine.delete_due(talking)
    assert stopped(house) == [(MAIN, Failure.KEY_REJECTED)]
    house.wait(2 * RULES.retry_cap)
    now, asked = house.clock.now, sum(house.asked().values())
    assert (house.ledger.due_deletions(now, 9), house.engine.delete_due(talking), house.engine.delete_due(idle)) == ([], [], [])
    assert sum(house.asked().values()) == asked
    assert not house.ledger.due(now, rung_before=now).deletions
    assert house.ledger.gauges.oldest(now) == {}, "nobody is to be woken for what a person is to mend"
    house.sandbox.account(KEY, revoked=False)
    house.engine.resume_account(MAIN)
    assert house.ledger.due_deletions(house.clock.now, 9) == [talking, idle]
    for one in (talking, idle):
        house.engine.delete_due(one)
    ended, deleted = house.job(talking).conversation, house.job(idle).attempt
    assert (ended is not None and ended.ended_at, deleted.deleted_at) == (house.clock.now, house.clock.now)
    assert house.told(talking).count("ConversationEndUnread") == 1


def test_a_conversation_that_no_credit_is_left_for_is_held_and_goes_on_with_its_account(house: House) -> None:
    job_id = house.opening()
    house.sandbox.account(KEY, conversation_credits=0)
    held = house.step(job_id)
    assert (held.state, held.release_to) == (State.HELD, State.OPENING)
    house.sandbox.account(KEY, conversation_credits=None)
    house.engine.resume_account(MAIN)
    assert house.go_on(job_id).state is State.DONE
    assert (len(house.paid(job_id)), len(house.opened(job_id))) == (1, 1)


def test_a_trained_job_of_a_stopped_account_opens_when_the_account_goes_on(house: House) -> None:
    job_id = house.training(start=Start.ON_DEMAND)
    house.go_on(job_id)
    out_of_credit(house)
    assert house.engine.start_conversation(job_id) == []
    assert (house.job(job_id).state, house.opened(job_id)) == (State.OPENING, [])
    house.engine.resume_account(MAIN)
    (done,) = house.engine.start_conversation(job_id)
    assert (done.state, len(house.opened(job_id))) == (State.DONE, 1)


def test_what_is_held_for_another_reason_stays_held_when_its_account_goes_on(house: House) -> None:
    unheard_of = house.training("sandbox_outcome=unknown")
    assert house.go_on(unheard_of).state is State.HELD
    held = out_of_credit(house)
    house.sandbox.account(KEY, training_credits=None)
    house.engine.resume_account(MAIN)
    assert (house.job(unheard_of).state, house.job(unheard_of).failure) == (State.HELD, Failure.UNRECOGNISED)
    assert house.job(held).state is State.QUEUED


def test_a_held_row_that_was_changed_by_hand_does_not_keep_the_others_from_going_on(house: House) -> None:
    odd, held = out_of_credit(house), house.enqueue()
    house.by_hand(held, state="held", failure="out_of_credit", release_to="queued")
    house.by_hand(odd, failure="no such failure")
    house.engine.resume_account(MAIN)
    assert house.job(held).state is State.QUEUED


def test_a_wish_for_a_conversation_does_not_move_a_held_job(house: House) -> None:
    held = out_of_credit(house)
    assert house.tell(held, ConversationRequested()).state is State.HELD
