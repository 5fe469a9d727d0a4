"""A document that can be kept is kept as it is; of any other a copy is made, and every piece that it lacks is named."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from scheduler.keepable import DEEPEST, Found, _kept, keepable

_TEXTS = some.text(alphabet="a\x00\ud800\N{SNOWMAN}\N{GRINNING FACE}", max_size=3)
_LEAVES = some.one_of(some.none(), some.booleans(), some.integers(), some.floats(), _TEXTS)
DOCUMENTS = some.recursive(
    _LEAVES,
    lambda inner: some.one_of(some.lists(inner, max_size=3), some.dictionaries(some.one_of(_TEXTS, some.integers()), inner, max_size=3)),
)


@given(DOCUMENTS)
def test_the_short_look_and_the_long_one_agree(document: Any) -> None:  # noqa: ANN401 - any document
    short, long = list[tuple[str, str]](), list[tuple[str, str]]()
    assert repr(keepable(document, short)) == repr(_kept(document, long, "", 0))
    assert short == long


def test_as_deep_as_it_may_be_and_no_deeper() -> None:
    for levels, fits in ((DEEPEST, True), (DEEPEST + 1, False)):
        found: Found = []
        document: Any = []
        for _ in range(levels - 1):
            document = [document]
        keepable(document, found)
        assert (found == []) is fits
