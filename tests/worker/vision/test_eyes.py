"""A good headshot is let through, however it is saved; a spoilt one is named by what is wrong with it."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.worker.preflight.served import NOW, Put, answer
from tests.worker.vision.portraits import BAD, GOOD, PORTRAIT
from worker.core.events import InputPassed, InputRejected
from worker.core.failures import Failure
from worker.core.request import AutoFix, Request
from worker.preflight import Limits, Preflight
from worker.vision import Eyes, EyesMissingError

LOOPBACK = Limits(allow_http=True, allow_private=True)
Make = Callable[[], bytes]


@pytest.fixture(scope="module")
def eyes() -> Eyes:
    return Eyes()


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD)
def test_nothing_speaks_against_a_good_headshot(eyes: Eyes, make: Make) -> None:
    assert eyes.findings(make()) == []


@pytest.mark.parametrize(("make", "failures"), BAD.values(), ids=BAD)
def test_a_spoilt_one_is_named_as_tavus_would_name_it(eyes: Eyes, make: Make, failures: set[Failure]) -> None:
    found = eyes.findings(make())
    assert {one.failure for one in found} == failures
    assert all(one.said.endswith(".") and "Send" in one.said for one in found)


def test_one_pair_of_eyes_serves_many_threads(eyes: Eyes) -> None:
    pictures = [GOOD["as it is"](), BAD["two people"][0](), BAD["nobody"][0]()] * 4
    with ThreadPoolExecutor(6) as pool:
        numbers = list(pool.map(lambda body: len(eyes.look(body).faces), pictures))
    assert numbers == [1, 2, 0] * 4


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(EyesMissingError, match=r"pip install --editable '\.\[vision\]'"):
        Eyes()


def request_for(url: str, auto_fix: AutoFix = AutoFix.NEVER, **replica: bool) -> Request:
    return Request(replica={"train_image_url": url, **replica}, auto_fix=auto_fix)


def test_advice_lets_a_picture_through_with_a_word_and_a_gate_does_not(eyes: Eyes, serve: Put) -> None:
    request = request_for(serve(answer(BAD["without its crown"][0]())))
    advised = Preflight(LOOPBACK, eyes=eyes).check(request, NOW)
    assert isinstance(advised, InputPassed)
    assert "cut off at the top" in advised.advice[0]
    refused = Preflight(LOOPBACK, eyes=eyes, is_gate=True).check(request, NOW)
    assert isinstance(refused, InputRejected)
    assert refused.failure is Failure.LIKELY_REJECTED
    assert "cut off at the top" in refused.detail


def test_a_gate_lets_a_good_picture_through_and_without_eyes_nobody_looks(eyes: Eyes, serve: Put) -> None:
    fine, bad = request_for(serve(answer(GOOD["as it is"]()))), request_for(serve(answer(BAD["nobody"][0]())))
    assert Preflight(LOOPBACK, eyes=eyes, is_gate=True).check(fine, NOW) == InputPassed()
    assert Preflight(LOOPBACK).check(bad, NOW) == InputPassed()


@pytest.mark.parametrize("given", [{"auto_fix": AutoFix.ALWAYS}, {"auto_fix_training_image": True}], ids=["always", "by the field"])
def test_a_gate_leaves_to_the_image_fixer_what_it_may_mend(eyes: Eyes, serve: Put, given: dict[str, object]) -> None:
    gate = Preflight(LOOPBACK, eyes=eyes, is_gate=True)
    url = serve(answer(BAD["dark"][0]()))
    assert isinstance(gate.check(request_for(url), NOW), InputRejected)
    assert isinstance(gate.check(request_for(url, AutoFix.ON_REJECTION), NOW), InputRejected)
    mended = gate.check(request_for(url, **given), NOW)  # type: ignore[arg-type] # either of two fields
    assert isinstance(mended, InputPassed)
    assert mended.advice


def test_a_picture_in_a_file_is_looked_at_in_the_same_way(eyes: Eyes) -> None:
    assert Preflight(LOOPBACK, eyes=eyes, is_gate=True).check_file(PORTRAIT) == InputPassed()
    small = Preflight(Limits(max_bytes=1000)).check_file(PORTRAIT)
    assert isinstance(small, InputRejected)
    assert small.failure is Failure.IMAGE_TOO_LARGE
