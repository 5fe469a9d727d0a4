"""`Idempotency-Key` as the IETF's draft has it: in quotes or bare it is one key, and whoever comes with it at the same moment has the same job."""

import pytest

from tests.scheduler.api.served import Api, problem
from tests.scheduler.made import a_request
from tests.worker.store.made import at_once


@pytest.mark.parametrize(("header", "key"), [('"in-quotes"', "in-quotes"), ('"a\\"b\\\\c"', 'a"b\\c'), ('"', '"'), ('half"', 'half"')])
def test_a_key_in_quotes_is_what_stands_between_them(api: Api, header: str, key: str) -> None:
    first = api.post("/v1/jobs", a_request(), idempotency_key=header)
    again = api.post("/v1/jobs", a_request(idempotency_key=key))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert first.json()["idempotency_key"] == key


def test_quotes_with_nothing_in_them_are_no_key(api: Api) -> None:
    problem(api.post("/v1/jobs", a_request(), idempotency_key='""'), 422, "invalid-request")


def test_whoever_comes_at_the_same_moment_with_the_same_key_has_the_same_job(api: Api) -> None:
    answers = at_once(lambda _: api.post("/v1/jobs", a_request(), idempotency_key="at-once"))
    assert sorted(answer.status_code for answer in answers) == [200] * (len(answers) - 1) + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_of_two_requests_under_one_key_at_the_same_moment_one_is_refused(api: Api) -> None:
    answers = at_once(lambda number: api.post("/v1/jobs", a_request(priority=number), idempotency_key="two"), threads=2)
    assert sorted(answer.status_code for answer in answers) == [201, 422]
