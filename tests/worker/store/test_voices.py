"""The voices of an account are asked for once in a while, and of an account that nobody knows every time."""

from collections import Counter

from worker.store.voices import KnownVoices

ANNA = frozenset({"anna"})


class Asked:
    """An account has voices, the others have none; and a clock that is set."""

    def __init__(self) -> None:
        self.times, self.voices, self.now = Counter[str](), ANNA, 0.0

    def __call__(self, account: str) -> frozenset[str]:
        self.times[account] += 1
        return self.voices if account == "main" else frozenset()


def test_they_are_asked_for_once_in_a_while() -> None:
    asked = Asked()
    known = KnownVoices(asked, lambda: asked.now)
    assert (known.of("main"), known.of("main"), asked.times["main"]) == (ANNA, ANNA, 1)
    asked.voices, asked.now = frozenset({"ben"}), 1.9
    assert known.of("main") == ANNA
    asked.now = 2.0
    assert known.of("main") == {"ben"}
    assert asked.times["main"] == 2


def test_what_this_process_has_changed_it_knows_at_once() -> None:
    asked = Asked()
    known = KnownVoices(asked, lambda: asked.now)
    assert known.of("main") == ANNA
    asked.voices = frozenset({"ben"})
    known.forget("main")
    assert known.of("main") == {"ben"}
    known.forget("nobody")


def test_an_account_that_nobody_knows_takes_no_memory() -> None:
    asked = Asked()
    known = KnownVoices(asked, lambda: asked.now)
    assert {known.of(f"nobody {number % 2}") for number in range(4)} == {frozenset()}
    assert asked.times == {"nobody 0": 2, "nobody 1": 2}
    assert not known._known
