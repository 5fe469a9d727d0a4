"""Each decision in a story names the rules that it was made under, and they are kept once, so that it can be replayed under its own."""

from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from tests.worker.store.made import MAIN, NOW, THREADS, at_once, stored
from worker.core import events
from worker.core.decide import decide
from worker.core.job import Job, Lost, Terms
from worker.core.learned import Learned
from worker.core.polling import Plan
from worker.core.rules import Rules
from worker.store import rulebook
from worker.store.jobs import Applied, Ledger

OWN = Rules(max_paid_attempts=7, settle_time=timedelta(minutes=45))
CAREFUL = Terms(lost=Lost.HOLD, max_in_flight=3, retry_after_refund=True, price=Decimal("49.90"))
DURATIONS = st.timedeltas(timedelta(0), timedelta(days=400))
KINDS: dict[object, st.SearchStrategy[Any]] = {timedelta: DURATIONS, int: st.integers(0, 99), bool: st.booleans()}
PLANS = {"plan", "learned"}
RULES = st.builds(Rules, **{field.name: KINDS[field.type] for field in fields(Rules) if field.name not in PLANS})
LIMITS = st.none() | st.integers(0, 99)
TERMS = st.builds(
    Terms, lost=st.sampled_from(Lost), max_trainings_a_month=LIMITS, max_in_flight=LIMITS, retry_after_refund=st.booleans(),
    price=st.none() | st.decimals(0, 999, places=2),
)  # fmt: skip


def book(ledger: Ledger) -> dict[str, tuple[Rules, Terms]]:
    """All rules that were kept."""
    with ledger._database.connect() as connection:
        return rulebook.read(connection)


def decided(ledger: Ledger, rules: Rules, event: events.Event | None = None) -> Job:
    """A new job after a decision under these rules."""
    job = ledger.get(stored(ledger).id)
    news = event or events.InputUnread("503")
    return ledger.apply(Applied(job, news, decide(job, news, NOW, rules), rules), NOW)


# Sharing the ledger between examples is what is wanted: each adds to it.
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rules=RULES, terms=TERMS)
def test_rules_and_terms_come_back_from_the_book_as_they_were(ledger: Ledger, rules: Rules, terms: Terms) -> None:
    with ledger._database.begin() as connection:
        rulebook.keep(connection, rules, terms)
    assert book(ledger)[rulebook.digest_of(rules, terms)] == (rules, terms)


def test_a_line_of_the_story_names_the_rules_of_its_decision(ledger: Ledger) -> None:
    ledger.set_terms(MAIN, CAREFUL, NOW)
    line = ledger.story(decided(ledger, OWN).id)[-1]
    assert line.rules is not None
    assert book(ledger)[line.rules] == (OWN, CAREFUL)


def test_a_story_can_be_replayed_under_the_rules_that_it_names_and_comes_out_the_same(ledger: Ledger) -> None:
    job = ledger.get(stored(ledger).id)
    patient = replace(OWN, retry_base=timedelta(hours=3), retry_cap=timedelta(hours=9))
    after = decided(ledger, patient)
    line = ledger.story(after.id)[-1]
    assert line.rules is not None
    rules, terms = book(ledger)[line.rules]
    replayed = decide(replace(job, id=after.id, terms=terms), events.InputUnread("503"), line.at, rules).job
    assert (replayed.due_at, replayed.tries, replayed.failure) == (after.due_at, after.tries, after.failure)


def test_the_same_rules_are_kept_once_however_often_and_by_however_many_they_are_used(ledger: Ledger) -> None:
    others = [Ledger(ledger._database) for _ in range(THREADS)]
    at_once(lambda number: [decided(others[number], OWN) for _ in range(3)])
    assert [rules for rules, _ in book(ledger).values() if rules == OWN] == [OWN]


def test_each_rule_and_each_term_counts_for_the_digest() -> None:
    digests = {rulebook.digest_of(Rules(), Terms()), rulebook.digest_of(Rules(), CAREFUL)}
    for field in fields(Rules):
        if field.name in PLANS:
            continue
        value = getattr(Rules(), field.name)
        other = not value if isinstance(value, bool) else value + (timedelta(seconds=1) if isinstance(value, timedelta) else 1)
        changed: dict[str, Any] = {field.name: other}
        digests.add(rulebook.digest_of(replace(Rules(), **changed), Terms()))
    assert len(digests) == len(fields(Rules)) - len(PLANS) + 2


def test_the_poll_plan_moves_looks_and_no_job_so_it_is_no_other_rule() -> None:
    other = Plan(timedelta(seconds=9))
    for rules in (Rules(plan=other), Rules(learned=Learned({"phoenix-4/image": other}, {MAIN: 0.5}))):
        assert rulebook.digest_of(rules, Terms()) == rulebook.digest_of(Rules(), Terms())


def test_a_decision_that_leaves_no_line_leaves_no_rules(ledger: Ledger) -> None:
    decided(ledger, OWN, events.FellDue())
    assert OWN not in [rules for rules, _ in book(ledger).values()]


def test_rules_of_a_version_that_knew_other_fields_can_still_be_read(ledger: Ledger) -> None:
    with ledger._database.begin() as connection:
        rulebook.keep(connection, OWN, CAREFUL)
        kept = connection.execute(select(rulebook.RULES.c.document)).scalar_one()
        older = {**kept, "rules": {name: value for name, value in kept["rules"].items() if name != "settle_scans"} | {"forgotten": 3}}
        connection.execute(insert(rulebook.RULES).values(digest="of-long-ago", document=older))
    assert book(ledger)["of-long-ago"] == (replace(OWN, settle_scans=Rules().settle_scans), CAREFUL)
