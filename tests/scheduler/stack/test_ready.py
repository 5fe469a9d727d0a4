"""Whom the stack waits for: whoever can be asked."""

from scheduler.stack.ready import checks_of

NAMES = ("web", "worker", "beat", "flower")


def test_a_worker_is_waited_for_where_flower_can_be_asked_about_it() -> None:
    assert set(checks_of(NAMES, "", "")) == {"web", "worker", "flower"}
    assert set(checks_of(NAMES, "", "", ("ann", "one"))) == {"web", "worker", "flower"}


def test_a_worker_is_not_waited_for_where_only_people_can_ask() -> None:
    assert set(checks_of(NAMES, "", "", by_oauth=True)) == {"web", "flower"}
    assert set(checks_of(("web", "worker"), "", "")) == {"web"}
