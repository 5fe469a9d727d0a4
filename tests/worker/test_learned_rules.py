"""Rules with what was learned: read seldom, by one, and as they were when the ledger does not answer or holds nonsense."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from tests.worker.core.samples import HOUR, request
from worker.core.learning import Lesson, lesson_of
from worker.core.polling import Plan
from worker.core.rules import Rules
from worker.learned import CALLBACKS, TRAINING, LearnedRules, document_of, lesson_from

QUICK = document_of(lesson_of([(HOUR, True)] * 20))
PICTURE = request()
KIND = f"{TRAINING}phoenix-4/image"


class Shelf:
    """Lessons that can be read, or not, and how often they were."""

    def __init__(self, **lessons: Any) -> None:  # noqa: ANN401 - documents
        self.lessons, self.reads, self.away = dict(lessons), 0, False

    def __call__(self) -> dict[str, Any]:
        self.reads += 1
        if self.away:
            raise OperationalError("", {}, Exception("the database is away"))
        return dict(self.lessons)


class House:
    """Rules over a shelf, and a watch that is set by hand."""

    def __init__(self, *, calls_back: bool = True) -> None:
        self.shelf, self.now = Shelf(), 0.0
        self.rules = LearnedRules(Rules(), self.shelf, calls_back=calls_back, every=timedelta(seconds=60), steady=lambda: self.now)

    def plan(self, account: str = "main") -> Plan:
        """The plan of a picture's training, a minute later."""
        self.now += 60
        return self.rules().plan_for(PICTURE, account)


@pytest.fixture
def house() -> House:
    return House()


def test_without_lessons_the_prior_holds(house: House) -> None:
    assert house.plan() == Plan()


def test_a_lesson_that_is_kept_is_followed_within_a_minute(house: House) -> None:
    before = house.plan()
    house.shelf.lessons[KIND] = QUICK
    assert house.rules().plan_for(PICTURE, "main") == before
    assert house.plan().typical < before.typical / 2


def test_lessons_are_read_once_a_minute_and_what_has_not_changed_makes_no_new_rules(house: House) -> None:
    house.shelf.lessons[KIND] = QUICK
    rules = {id(house.rules()) for _ in range(9)}
    assert (len(rules), house.shelf.reads) == (1, 1)
    house.now += 60
    assert {id(house.rules())} == rules
    assert house.shelf.reads == 2


def test_while_the_ledger_is_away_the_rules_are_as_they_were_and_it_is_asked_once_a_minute(house: House) -> None:
    house.shelf.lessons[KIND] = QUICK
    learned = house.plan()
    house.shelf.away = True
    assert house.plan() == learned
    assert house.rules().plan_for(PICTURE, "main") == learned
    assert house.shelf.reads == 2


@pytest.mark.parametrize(
    "nonsense", [{}, {"trained": 3, "failed": []}, {"trained": ["x"], "failed": []}, {"trained": [10**9] * 2, "failed": []}, None]
)
def test_a_lesson_that_cannot_be_read_leaves_the_others_and_the_prior(house: House, nonsense: object) -> None:
    house.shelf.lessons |= {f"{TRAINING}odd/image": nonsense, KIND: QUICK}
    assert house.plan().typical < Plan().typical / 2
    house.shelf.lessons[KIND] = nonsense
    assert house.plan() == Plan()


def test_a_lesson_is_read_as_it_was_kept_and_one_of_before_shares_were_kept_too() -> None:
    kept = Lesson((8000, 9000), (5000,), 0.9)
    assert lesson_from(document_of(kept)) == kept
    assert lesson_from({"trained": [8000], "failed": []}) == Lesson((8000,))


def test_what_was_learned_of_callbacks_counts_for_its_account_where_tavus_has_an_address_to_call() -> None:
    for calls_back, missed in ((True, 0.1), (False, 1.0)):
        house = House(calls_back=calls_back)
        house.shelf.lessons[f"{CALLBACKS}main"] = {"missed": 0.1}
        assert (house.plan().missed, house.plan("other").missed) == (missed, 1.0)


def test_rules_stay_the_same_rules_whatever_was_learned(house: House) -> None:
    house.shelf.lessons[KIND] = QUICK
    assert house.rules() == Rules()


def test_a_lesson_is_the_same_after_a_way_through_its_document() -> None:
    lesson = Lesson((1, 2, 3), (4,))
    assert lesson_from(document_of(lesson)) == lesson
