"""A presigned address must outlive the training."""

from datetime import timedelta

import pytest

from tests.worker.preflight.served import NOW, Put, Server, answer, check, picture, redirect, rejection
from worker.core.events import InputPassed
from worker.core.failures import Failure


@pytest.mark.parametrize("life", [timedelta(hours=24), timedelta(days=7)])
def test_a_presigned_address_that_lives_long_enough_passes(serve: Put, life: timedelta) -> None:
    assert check(f"{serve(answer(picture()))}?Expires={int((NOW + life).timestamp())}&Signature=s3cr3t") == InputPassed()


@pytest.mark.parametrize("life", [timedelta(hours=24, seconds=-1), timedelta(0), timedelta(days=-1)])
def test_a_presigned_address_that_dies_too_soon_is_refused_before_it_is_fetched(server: Server, serve: Put, life: timedelta) -> None:
    url = serve(answer(picture()))
    server.asked.clear()
    assert rejection(check(f"{url}?Expires={int((NOW + life).timestamp())}&Signature=s3cr3t")) is Failure.URL_EXPIRES_TOO_SOON
    assert server.asked == []


def test_a_presigned_address_whose_expiry_cannot_be_read_is_refused(serve: Put) -> None:
    assert rejection(check(f"{serve(answer(picture()))}?Expires=soon&Signature=s3cr3t")) is Failure.URL_EXPIRES_TOO_SOON


def test_a_lasting_address_may_redirect_to_one_that_is_signed_anew_for_each_visitor(serve: Put) -> None:
    target = f"{serve(answer(picture()))}?Expires={int(NOW.timestamp()) + 300}&Signature=ab"
    assert check(serve(redirect(target))) == InputPassed()
