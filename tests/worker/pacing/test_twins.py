"""The book over Redis and the book in memory say the same of every call, whatever comes in whatever order."""

from dataclasses import replace
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.broker import Broker
from worker.pacing.book import Book
from worker.pacing.kinds import Kind, Numbers, Verdict
from worker.pacing.shared import SharedBook

_NUMBERS = replace(Numbers(), failures=2, retries_at_least=1)
_accounts = count()
_calls = st.tuples(
    st.sampled_from(list(Kind)),
    st.sampled_from([None, *Verdict]),  # None: asked for, and not made
    st.sampled_from([0, 0, 0, 30, 900, 7_000, 61_001, 70_000, 400_000]),  # milliseconds before it
    st.booleans(),  # a retry
    st.sampled_from([0, 0, 0, 2_000, 500_000]),  # Retry-After
    st.booleans(),  # a late reply
    st.booleans(),  # let out, and not made
)
_limits = st.sampled_from([None, 1, 2, 5, 30, 2_000])
_lives = st.tuples(_limits, _limits, st.lists(_calls, min_size=1, max_size=60))  # the owner changes it halfway


@settings(max_examples=150)
@given(life=_lives)
def test_both_books_answer_alike(
    session_broker: Broker, life: tuple[int | None, int | None, list[tuple[Kind, Verdict | None, int, bool, int, bool, bool]]]
) -> None:
    limit, other, calls = life
    account, now = f"twin-{next(_accounts)}", 1_000_000_000_000
    own, shared = Book(_NUMBERS), SharedBook(session_broker.url, _NUMBERS, "one")
    try:
        for number, (kind, verdict, wait, retry, pause, late, unmade) in enumerate(calls):
            now, call = now + wait, str(number)
            limit = limit if 2 * number < len(calls) else other
            if verdict is None:
                assert replace(shared.ask(account, kind, limit, retry=retry, now=now), sharers=0, known=True) == own.ask(
                    kind, limit, now, retry=retry
                )
                continue
            here = own.take(kind, call, limit, now, retry=retry)
            assert replace(shared.take(account, kind, call, limit, retry=retry, now=now), sharers=0, known=True) == here
            if unmade:
                own.release(kind, call)
                shared.release(account, kind, call, now)
            elif here.reason is None:
                changed = own.saw(kind, call, verdict, limit, now, probe=here.probe, pause=pause, late=late)
                assert shared.saw(account, kind, call, verdict, limit, probe=here.probe, pause=pause, late=late, now=now) == changed
    finally:
        shared.close()
