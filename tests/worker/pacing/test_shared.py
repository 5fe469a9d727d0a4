"""The book over Redis goes on when the clock of its server is set back, and what it held back is held no longer than it was to be."""

import time

from tests.broker import Broker
from tests.worker.pacing.made import LOOK, MAIN, SUBMIT
from worker.pacing.kinds import Numbers, Reason, Verdict
from worker.pacing.shared import SharedBook

LIMIT, AN_HOUR, A_SECOND = 3, 3_600_000, 1_000
NUMBERS = Numbers(looking=100)


def test_a_server_s_clock_that_is_set_back_holds_nothing_back_for_as_long(broker: Broker) -> None:
    ahead = int(time.time() * 1000) + AN_HOUR  # the clock, before it is set back to the host's
    book = SharedBook(broker.url, NUMBERS, "one")
    try:
        for number in range(LIMIT):
            assert book.take(MAIN, LOOK, str(number), LIMIT, now=ahead).reason is None
        book.saw(MAIN, SUBMIT, "0", Verdict.LIMITED, None, pause=A_SECOND, now=ahead)
        held = book.ask(MAIN, LOOK, LIMIT)
        assert (held.reason, held.wait <= A_SECOND) == (Reason.PAUSED, True)
        time.sleep(1.1)
        full = book.ask(MAIN, LOOK, LIMIT)
        assert full.reason is Reason.BUDGET
        assert 0 < full.wait <= NUMBERS.window + NUMBERS.margin - A_SECOND
    finally:
        book.close()


def test_a_clock_that_goes_on_is_the_server_s_own(broker: Broker) -> None:
    book = SharedBook(broker.url, NUMBERS, "one")
    try:
        assert book.take(MAIN, LOOK, "1", LIMIT).reason is None
        assert book.take(MAIN, LOOK, "2", LIMIT).reason is None
        first, second = (broker.client.zscore(f"replicas.pace:{{{MAIN}}}:calls", call) for call in "12")
        assert first is not None
        assert second is not None
        assert abs(first / 1000 - time.time()) < 5
        assert second >= first
        assert broker.client.hget(f"replicas.pace:{{{MAIN}}}:state", "shift") == b"0"
        assert broker.client.pttl(f"replicas.pace:{{{MAIN}}}:state") > 0, "it is forgotten one day"
    finally:
        book.close()
