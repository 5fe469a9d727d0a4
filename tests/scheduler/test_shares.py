"""Room is shared: nobody goes without while another gets more, and nothing is left while somebody wants it."""

from hypothesis import given
from hypothesis import strategies as st

from scheduler.shares import fairly


def shared(wants: list[int], room: int) -> list[int]:
    """How much each got."""
    left = dict(enumerate(wants))

    def give(one: int, limit: int) -> list[int]:
        assert limit > 0
        got = min(left[one], limit)
        left[one] -= got
        return [one] * got

    given = fairly(list(left), room, give)
    return [given.count(one) for one in range(len(wants))]


@given(st.lists(st.integers(0, 50), max_size=12), st.integers(-3, 200))
def test_all_room_is_used_and_nobody_gets_more_than_one_above_who_still_wants(wants: list[int], room: int) -> None:
    got = shared(wants, room)
    assert sum(got) == min(sum(wants), max(room, 0))
    unhappy = [have for have, wanted in zip(got, wants, strict=True) if have < wanted]
    assert not unhappy or max(got) <= min(unhappy) + 1


def test_a_long_line_does_not_stand_in_the_way_of_a_short_one() -> None:
    assert shared([1000, 1, 5], 12) == [6, 1, 5]
