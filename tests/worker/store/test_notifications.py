"""A notification is written with the move that it tells of or not at all; each destination has one line; who has it fences whoever had it before."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, text

from tests.worker.store.conftest import SQLITE
from tests.worker.store.hearing import overheard
from tests.worker.store.made import LEASE, MAIN, NOW, SECOND, a_job, an_attempt, at_once, stored
from worker.core.decision import Decision
from worker.core.deliveries import Heard, Patience
from worker.core.effects import StopAccount, TellCaller
from worker.core.events import CallbackReceived
from worker.core.failures import Failure
from worker.core.job import Job
from worker.core.states import State
from worker.store.jobs import Applied, Ledger, StaleJobError
from worker.store.notifications import NotificationId, Status, destination_of
from worker.store.outbox import Outbox
from worker.store.sealing import UNSEALED, Sealer

SECRET = "S3CRETs3cret0123"  # noqa: S105 - it opens nothing
MANY, LONG = 50, timedelta(days=30)
PATIENCE = Patience()
LEAST = timedelta(microseconds=1)


@pytest.fixture
def outbox(database: Engine, ledger: Ledger) -> Outbox:
    """The outbox of that ledger."""
    del ledger
    return Outbox(database, UNSEALED, PATIENCE)


def asking(ledger: Ledger, host: str = "caller.example", **changes: Any) -> Job:  # noqa: ANN401 - fields of Job
    """A job in training whose caller wants to be told."""
    plain = a_job(**changes)
    request = replace(plain.request, notify_url=f"https://{host}/told?token={SECRET}")
    return ledger.add(replace(plain, request=request), "fingerprint", ring=None).job


def word(job: Job, state: State = State.HELD, *more: Any) -> Applied:  # noqa: ANN401 - further effects
    """A decision that moves the job and says so to its caller, not committed."""
    after = replace(job, state=state, due_at=None, attempts=(an_attempt(job),))
    return Applied(job, CallbackReceived(), Decision(after, (TellCaller(f"job.{state}", {"state": state.value}), *more), "a test said so"))


def told(ledger: Ledger, now: datetime = NOW, host: str = "caller.example", **changes: Any) -> NotificationId:  # noqa: ANN401 - fields of Job
    """A notification that is due at that moment."""
    moved = ledger.apply(word(asking(ledger, host, **changes)), now)
    return NotificationId(f"msg_{moved.id}_{moved.version}")


def claimed(outbox: Outbox, now: datetime = NOW, lines: int = MANY, batch: int = MANY) -> list[list[NotificationId]]:
    return outbox.claim(now, LEASE, lines, batch).batches


def statuses(outbox: Outbox) -> dict[NotificationId, Status]:
    return {one.id: one.status for one in outbox.recent(1000)}


def fail(outbox: Outbox, now: datetime, times: int, one: NotificationId, what: Heard = Heard.SILENT) -> datetime:
    """Fail so often in a row, each time as soon as it may be tried; the moment of the last."""
    for _ in range(times):
        due_at = next(found.due_at for found in outbox.recent(1000) if found.id == one)
        assert due_at is not None
        now = max(now, due_at)
        taken = outbox.take(one, now, LEASE)
        assert taken is not None
        outbox.settle(taken, what, "no answer", now)
    return now


def test_a_notification_is_written_by_the_statement_that_moves_the_job_where_the_database_can(ledger: Ledger, outbox: Outbox) -> None:
    told(ledger)  # the rules are written down with the first decision
    job, untold = asking(ledger), stored(ledger)
    with overheard(ledger._database) as statements:
        ledger.apply(word(job), NOW)
    with overheard(ledger._database) as without:
        ledger.apply(replace(word(untold), decision=replace(word(untold).decision, effects=())), NOW)
    sqlite = ledger._database.dialect.name == SQLITE
    assert len(statements) == (4 if sqlite else 1)
    assert len(without) == (3 if sqlite else 1)
    assert not any("notification" in one.text for one in without)
    assert len(outbox.recent(10)) == 2


def test_a_notification_says_whom_it_is_for_and_never_where(ledger: Ledger, outbox: Outbox) -> None:
    one = told(ledger, caller="shop")
    [found] = outbox.recent(10)
    assert (found.id, found.caller, found.kind, found.about) == (one, "shop", "job.held", {"state": "held"})
    with ledger._database.connect() as connection:
        row = connection.execute(text("SELECT * FROM notification")).mappings().one()
    assert SECRET not in repr(dict(row))
    assert "caller.example" not in repr(dict(row))


def test_a_decision_that_comes_too_late_tells_nothing(ledger: Ledger, outbox: Outbox) -> None:
    job = asking(ledger)
    ledger.apply(word(job), NOW)
    with pytest.raises(StaleJobError):
        ledger.apply(word(job, State.DONE), NOW)
    assert [one.kind for one in outbox.recent(10)] == ["job.held"]


def test_a_batch_tells_what_was_written_of_it_and_a_stop_goes_with_its_word(ledger: Ledger, outbox: Outbox) -> None:
    jobs = [asking(ledger) for _ in range(3)]
    ledger.apply(word(jobs[0]), NOW)
    stop = StopAccount(MAIN, Failure.OUT_OF_CREDIT, deaf=False)
    ledger.apply_batch([word(job, State.ABANDONED, stop) for job in jobs], NOW)
    assert sorted(one.kind for one in outbox.recent(10)) == ["job.abandoned", "job.abandoned", "job.held"]
    assert [one.account for one in ledger.stops()] == [MAIN]


def test_each_move_of_a_job_has_an_id_of_its_own(ledger: Ledger, outbox: Outbox) -> None:
    held = ledger.apply(word(asking(ledger)), NOW)
    again = ledger.apply(replace(word(held), decision=replace(word(held).decision, job=held)), NOW)
    assert {one.id for one in outbox.recent(10)} == {f"msg_{held.id}_{held.version}", f"msg_{held.id}_{again.version}"}


def test_the_sweeps_one_question_says_whether_anything_is_to_be_told(ledger: Ledger, outbox: Outbox) -> None:
    one = told(ledger)
    due = [ledger.due(now, rung_before=NOW - LONG).notifications for now in (NOW - LEAST, NOW)]
    assert due == [False, True]
    assert claimed(outbox) == [[one]]
    assert not ledger.due(NOW, rung_before=NOW - LONG).notifications


def test_what_is_claimed_is_claimed_once_and_again_when_its_lease_is_over(ledger: Ledger, outbox: Outbox) -> None:
    one = told(ledger)
    assert [claimed(outbox), claimed(outbox), claimed(outbox, NOW + LEASE)] == [[[one]], [], [[one]]]


def test_a_destination_has_one_line_and_each_its_own(ledger: Ledger, outbox: Outbox) -> None:
    first = [told(ledger, NOW + number * SECOND) for number in range(3)]
    other = [told(ledger, host="other.example"), told(ledger, caller="another")]
    now = NOW + 9 * SECOND
    assert sorted(claimed(outbox, now, batch=2)) == sorted([first[:2], *([one] for one in other)])
    assert claimed(outbox, now) == []  # somebody tells him already
    for number, one in enumerate(first[:2]):
        outbox.give_back([one], now + number * LEAST)
    assert claimed(outbox, now + LEAST) == [[first[2], *first[:2]]]  # the longest due first


def test_destinations_beyond_the_lines_wait_and_none_is_always_the_last(ledger: Ledger, outbox: Outbox) -> None:
    due = {told(ledger, moment, host=f"host{moment.second}.example"): moment for moment in (NOW - number * SECOND for number in range(4))}
    moments = [NOW + number * timedelta(milliseconds=1) for number in range(4)]
    firsts = set()
    for now in moments:
        [[one]] = claimed(outbox, now, lines=1)
        assert claimed(outbox, now, lines=1) == []
        firsts.add(one)
        outbox.give_back([one], due[one])
    assert len(firsts) == 4


def test_of_many_who_claim_at_once_nobody_gets_what_another_has(ledger: Ledger, outbox: Outbox) -> None:
    wanted = {told(ledger, host=f"host{number % 5}.example") for number in range(20)}
    found = [one for batches in at_once(lambda _: claimed(outbox)) for batch in batches for one in batch]
    assert len(found) == len(set(found))
    assert set(found) == wanted


def test_of_many_who_take_the_same_one_has_it_until_his_lease_is_over(ledger: Ledger, outbox: Outbox) -> None:
    one = told(ledger)
    claimed(outbox)
    assert len([taken for taken in at_once(lambda _: outbox.take(one, NOW, LEASE)) if taken is not None]) == 1
    assert outbox.take(one, NOW + LEASE - LEAST, LEASE) is None
    assert outbox.take(one, NOW + LEASE, LEASE) is not None


def test_who_was_too_slow_cannot_write_what_another_knows_better(ledger: Ledger, outbox: Outbox) -> None:
    one = told(ledger)
    slow, quick = outbox.take(one, NOW, LEASE), outbox.take(one, NOW + LEASE, LEASE)
    assert slow is not None
    assert quick is not None
    assert outbox.settle(quick, Heard.ACCEPTED, "answered 204", NOW)[0] is Status.DELIVERED
    assert outbox.settle(slow, Heard.SILENT, "no answer", NOW)[0] is None
    assert statuses(outbox) == {one: Status.DELIVERED}


@pytest.mark.parametrize(("what", "status"), [(Heard.ACCEPTED, Status.DELIVERED), (Heard.GONE, Status.GONE)])
def test_what_is_over_is_never_due_again(ledger: Ledger, outbox: Outbox, what: Heard, status: Status) -> None:
    one = told(ledger)
    fail(outbox, NOW, 1, one, what)
    assert statuses(outbox) == {one: status}
    assert claimed(outbox, NOW + LONG) == []
    assert outbox.take(one, NOW + LONG, LEASE) is None


def test_what_never_arrives_is_a_dead_letter_after_three_days_and_only_a_person_sends_it_again(ledger: Ledger, database: Engine) -> None:
    outbox = Outbox(database, UNSEALED, replace(PATIENCE, base=timedelta(hours=9), cap=timedelta(hours=9)))  # fewer attempts on the way
    one, now, moments = told(ledger), NOW, [NOW]
    while statuses(outbox)[one] is not Status.DEAD:
        now = fail(outbox, now, 1, one, Heard.REFUSED)
        moments.append(now)
    assert moments[-1] == NOW + PATIENCE.whole
    assert outbox.take(one, NOW + LONG, LEASE) is None
    assert outbox.send_again([one], NOW + LONG) == [one]
    assert claimed(outbox, NOW + LONG) == [[one]]


def test_a_dead_destination_is_put_off_asked_by_a_single_one_and_costs_no_other_anything(ledger: Ledger, outbox: Outbox) -> None:
    dead = [told(ledger) for _ in range(3)]
    now = fail(outbox, NOW, PATIENCE.failures, dead[0])
    alive = told(ledger, now, host="other.example")
    assert claimed(outbox, now) == [[alive]]
    waiting = [one.due_at for one in outbox.recent(10) if one.id in dead[1:]]
    assert all(due_at is not None and now < due_at <= now + PATIENCE.shut_base for due_at in waiting)
    [probe] = [ids for ids in claimed(outbox, now + LONG) if ids != [alive]]
    assert len(probe) == 1


def test_a_destination_that_answers_again_has_its_whole_line_back(ledger: Ledger, outbox: Outbox) -> None:
    dead = [told(ledger) for _ in range(3)]
    now = fail(outbox, NOW, PATIENCE.failures, dead[0])
    fail(outbox, now + timedelta(hours=5), 1, dead[0], Heard.ACCEPTED)
    assert [sorted(ids) for ids in claimed(outbox, now + LONG)] == [sorted(dead[1:])]


def test_what_waits_for_a_dead_destination_past_its_time_is_given_up(ledger: Ledger, outbox: Outbox) -> None:
    waiting, end = told(ledger), NOW + PATIENCE.whole
    fresh = told(ledger, end)
    now = fail(outbox, end, PATIENCE.failures, fresh)
    assert claimed(outbox, now) == []
    assert statuses(outbox) == {waiting: Status.DEAD, fresh: Status.WAITING}


def test_who_has_it_sent_again_opens_the_door(ledger: Ledger, outbox: Outbox) -> None:
    one, other = told(ledger), told(ledger)
    now = fail(outbox, NOW, PATIENCE.failures, one)
    assert claimed(outbox, now) == []
    assert outbox.send_again([one, NotificationId("msg_nobody_1")], now) == [one]
    assert claimed(outbox, now) == [[one]]
    assert statuses(outbox)[other] is Status.WAITING


def test_one_that_is_sent_again_keeps_its_id_and_fences_who_sends_it_now(ledger: Ledger, outbox: Outbox) -> None:
    one = told(ledger)
    sending = outbox.take(one, NOW, LEASE)
    assert sending is not None
    assert outbox.send_again([one], NOW) == [one]
    assert outbox.settle(sending, Heard.ACCEPTED, "answered 204", NOW)[0] is None
    again = outbox.take(one, NOW, LEASE)
    assert again is not None
    assert (again.id, again.tries) == (one, 1)


def test_a_destination_is_a_callers_host_whatever_stands_behind_it() -> None:
    one = destination_of("a", "https://told.example/x?y=1")
    assert one == destination_of("a", "https://told.example/z#w")
    others = {destination_of(*pair) for pair in (("b", "https://told.example/"), ("a", "https://told.example:8443/"), ("a", "http://["))}
    assert len({one, *others}) == 4


def test_the_first_secret_is_made_when_it_is_asked_for_once(outbox: Outbox) -> None:
    found = at_once(lambda _: outbox.secrets("shop", NOW))
    assert len({one.text for secrets in found for one in secrets}) == 1
    assert found[0][0].text.startswith("whsec_")
    assert outbox.secrets("another", NOW) != found[0]
    assert "whsec_" not in repr(found)


def test_while_a_secret_takes_anothers_place_two_are_valid_and_never_three(outbox: Outbox) -> None:
    day = timedelta(days=1)
    [first] = outbox.secrets("shop", NOW)
    second, also = outbox.rotate("shop", NOW, day)
    assert (also.text, also.until) == (first.text, NOW + day)
    assert [one.text for one in outbox.secrets("shop", NOW + day - LEAST)] == [second.text, first.text]
    assert [one.text for one in outbox.secrets("shop", NOW + day)] == [second.text]
    third, before = outbox.rotate("shop", NOW, day)
    assert before.text == second.text
    [only] = outbox.rotate("shop", NOW, timedelta(0))
    assert len({first.text, second.text, third.text, only.text}) == 4


def test_secrets_are_sealed_at_rest_and_opened_with_whichever_key_sealed_them(database: Engine, outbox: Outbox) -> None:
    [plain] = outbox.secrets("plain", NOW)
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    [sealed] = Outbox(database, Sealer([old]), PATIENCE).secrets("shop", NOW)
    with database.connect() as connection:
        kept = {row.caller: row.sealed for row in connection.execute(text("SELECT caller, sealed FROM signing_secret"))}
    assert kept["plain"] == plain.text
    assert sealed.text not in kept["shop"]
    assert Outbox(database, Sealer([new, old]), PATIENCE).secrets("shop", NOW) == [sealed]
