"""What is made fast is what its class would have made."""

from dataclasses import FrozenInstanceError, asdict, dataclass, fields, replace

import pytest

from tests.worker.core.samples import NOW, attempt, job
from worker.core.job import Attempt, Job
from worker.core.polling import Plan
from worker.core.values import Maker

JOBS, ATTEMPTS = Maker(Job), Maker(Attempt)


def test_what_is_made_of_values_is_what_the_class_makes_of_them() -> None:
    for maker, value in ((JOBS, job(attempts=(attempt(),), due_at=NOW)), (ATTEMPTS, attempt())):
        values = {field.name: getattr(value, field.name) for field in fields(value)}
        made = maker.made(values | {"no field": 1})
        assert made == value
        assert type(made) is type(value)


def test_what_is_changed_is_what_replace_makes_and_the_value_itself_stays_as_it_is() -> None:
    before = job(tries=3, due_at=NOW, progress="7/100")
    kept = asdict(before)
    assert JOBS.changed(before, tries=0, progress=None) == replace(before, tries=0, progress=None)
    assert JOBS.changed(before) == before
    assert asdict(before) == kept


def test_what_was_made_is_as_frozen_as_any() -> None:
    with pytest.raises(FrozenInstanceError):
        JOBS.changed(job(), tries=1).tries = 2  # type: ignore[misc]


def test_a_field_that_is_missing_or_is_none_is_refused() -> None:
    with pytest.raises(KeyError):
        JOBS.made({"id": job().id})
    with pytest.raises(KeyError):
        JOBS.changed(job(), no_field=1)


def test_a_class_that_does_something_when_it_is_made_is_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Checked:
        number: int

        def __post_init__(self) -> None:
            assert self.number

    for kind in (Checked, Plan):
        with pytest.raises(TypeError, match="does something"):
            Maker(kind)
