"""Marks and ids: a mark is found again in any name, and ids sort as they were made."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.core.samples import FOREIGN, JOB_ID, mark, talk, trying
from worker.core.job import JobId, Mark
from worker.core.marks import conversation_mark, mark_in, marked_name, new_job_id, replica_mark

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
moments = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis asks for naive bounds
chance = st.binary(min_size=10, max_size=10)
ids = st.builds(new_job_id, moments, chance)
marks = st.builds(
    lambda job_id, number, make: make(job_id, number), ids, st.integers(1, 999), st.sampled_from([replica_mark, conversation_mark])
)
names = st.none() | st.text(max_size=60) | marks.map(str) | st.tuples(st.text(max_size=9), marks).map("-".join)


@trying
@given(names, marks)
def test_a_mark_is_found_again_in_any_name_that_carries_it(name: str | None, one: Mark) -> None:
    assert mark_in(marked_name(name, one)) == one


@trying
@given(names, marks)
def test_a_marked_name_is_short_and_plain(name: str | None, one: Mark) -> None:
    sent = marked_name(name, one)
    assert re.fullmatch(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*", sent)
    assert len(sent) <= 24 + 1 + len(one)


def test_the_callers_own_name_stays_readable() -> None:
    assert marked_name("Dr. Ann  O'Hara (Berlin)", mark()) == f"Dr-Ann-O-Hara-Berlin-{mark()}"
    assert marked_name("A name cut behind a word and", mark()) == f"A-name-cut-behind-a-word-{mark()}"
    assert marked_name("Łukasz", mark()).endswith(f"-{mark()}")
    assert marked_name(None, mark()) == marked_name("***", mark()) == mark()


@pytest.mark.parametrize(
    "name", ["", "Ann", "rw-", f"{mark()}-copy", f"{mark()} ", f"x{mark()}", f"{mark()}x", mark().upper(), "rw-short-1"]
)
def test_a_name_without_a_whole_mark_at_its_end_has_none(name: str) -> None:
    assert mark_in(name) is None


@trying
@given(moments, chance, chance, st.integers(2, 10**9))
def test_ids_sort_as_they_were_made(now: datetime, one: bytes, other: bytes, later: int) -> None:
    assert new_job_id(now, one) < new_job_id(now + timedelta(milliseconds=later), other)


@trying
@given(moments, chance)
def test_an_id_has_twenty_six_characters_that_cannot_be_taken_for_one_another(now: datetime, entropy: bytes) -> None:
    made = new_job_id(now, entropy)
    assert len(made) == 26
    assert set(made) <= set(ALPHABET)


@trying
@given(moments, chance)
def test_an_id_is_its_millisecond_and_its_chance_as_one_number(now: datetime, entropy: bytes) -> None:
    number = 0
    for character in new_job_id(now, entropy):
        number = number * 32 + ALPHABET.index(character)
    assert (number >> 80, number % 2**80) == (int(now.timestamp() * 1000), int.from_bytes(entropy))


@trying
@given(moments, chance, chance)
def test_two_ids_of_one_moment_differ_when_their_chance_does(now: datetime, one: bytes, other: bytes) -> None:
    assert (new_job_id(now, one) == new_job_id(now, other)) == (one == other)


@trying
@given(ids, st.integers(1, 99), st.integers(1, 99))
def test_no_two_submissions_or_conversations_share_a_mark(job_id: JobId, one: int, other: int) -> None:
    made = {make(job_id, n) for make in (replica_mark, conversation_mark) for n in (one, other)}
    assert len(made) == 2 * len({one, other})


def test_marks_of_different_jobs_differ() -> None:
    assert mark() != FOREIGN
    assert mark().startswith("rw-")
    assert talk().startswith("rc-")
    assert JOB_ID[-12:] in mark()
    assert JOB_ID[-12:] in talk()
