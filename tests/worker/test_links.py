"""A link's token says which job it is for, nobody else can make one, and what is sealed for it opens under the same secret alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.worker.core.samples import JOB_ID, job, request
from worker.core.job import JobId, Mark
from worker.core.request import Start
from worker.links import PATH, Links
from worker.redaction import redacted
from worker.tavus.callbacks import Callbacks

SECRET = SecretStr("a secret of ours")
LINKS = Links("https://replicas.example/", SECRET)
OTHER = Links("https://replicas.example", SecretStr("another secret"))
ON_DEMAND = job(request=request(start=Start.ON_DEMAND))


def test_a_link_leads_back_to_its_job() -> None:
    url = LINKS.url_of(ON_DEMAND)
    assert url == f"https://replicas.example{PATH}/{LINKS.token_of(JOB_ID)}"
    assert LINKS.job_of(LINKS.token_of(JOB_ID)) == JOB_ID


@pytest.mark.parametrize("start", [Start.ON_READY, Start.NONE])
def test_only_a_job_on_demand_has_one(start: Start) -> None:
    assert LINKS.url_of(job(request=request(start=start))) is None


def test_without_a_secret_or_an_address_there_are_none_and_without_a_secret_every_token_is_forged() -> None:
    assert Links(None, SECRET).url_of(ON_DEMAND) is None
    assert Links("https://replicas.example", None).url_of(ON_DEMAND) is None
    assert Links("https://replicas.example", None).job_of(LINKS.token_of(JOB_ID)) is None
    with pytest.raises(ValueError, match="no secret"):
        Links("https://replicas.example", None).token_of(JOB_ID)


@given(st.text())
def test_no_text_is_a_token_by_chance(text: str) -> None:
    assert LINKS.job_of(text) is None
    assert LINKS.job_of(f"{JOB_ID}.{text}") is None


def test_nobody_makes_one_with_another_secret_or_from_what_tavus_is_given() -> None:
    callbacks = Callbacks("https://replicas.example", SECRET)
    assert LINKS.job_of(OTHER.token_of(JOB_ID)) is None
    for url in (
        callbacks.url_for(Mark(JOB_ID)),
        callbacks.url_for(Mark(f"link of {JOB_ID}")),
        callbacks.url_for_conversation(JOB_ID, Mark("rc-1")),
    ):
        assert url is not None
        assert LINKS.job_of(url.rpartition("/")[2]) is None
    assert callbacks.about(LINKS.token_of(JOB_ID)) is None


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_what_opens_a_private_room_is_sealed_and_opened_again(token: str) -> None:
    sealed = LINKS.seal(token)
    assert sealed is not None
    assert LINKS.open(sealed) == token
    assert OTHER.open(sealed) is None


def test_what_is_no_seal_of_ours_opens_nothing_and_without_a_secret_nothing_is_kept() -> None:
    assert LINKS.seal(None) is None
    assert Links("https://replicas.example", None).seal("token") is None
    assert Links("https://replicas.example", None).open("gAAAA") is None
    assert [LINKS.open(one) for one in ("", "gAAAA", "\xff")] == [None] * 3


@pytest.mark.parametrize("shape", ["GET {} 303", "https://replicas.example{}", '"{}"', "https:\\/\\/replicas.example{}?waiting"])
def test_no_log_shows_what_opens_a_conversation(shape: str) -> None:
    token = LINKS.token_of(JobId(JOB_ID))
    assert token.partition(".")[2] not in redacted(shape.format(f"{PATH}/{token}"))
