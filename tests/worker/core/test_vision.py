"""Each line that is drawn for pictures, from both of its sides."""

from dataclasses import replace

import pytest

from worker.core.failures import POLICIES, Action, Failure
from worker.core.vision import DARKEST, SHARPEST_BLUR, SMALLEST_FACE, SURE, Face, Finding, Seen, findings, main_face, refused

SIDE, EDGE = 1000, 0.001
CENTRE, HEAD = Failure.CENTER_FACE_NOT_VISIBLE, Failure.HEAD_NOT_FULLY_IN_FRAME


def face(size: float = 300, x: float = 500, y: float = 450, score: float = 2.0) -> Face:
    """A face of that size around a place."""
    return Face(x - size / 2, y - size / 2, x + size / 2, y + size / 2, score)


def seen(*faces: Face, width: int = SIDE, height: int = SIDE) -> Seen:
    return Seen(width, height, faces or (face(),))


def failures(look: Seen) -> set[Failure]:
    return {one.failure for one in findings(look)}


LINES = {
    "the smallest face": (seen(face(1000 * SMALLEST_FACE)), seen(face(1000 * SMALLEST_FACE - EDGE)), CENTRE),
    "of the shorter side": (
        seen(face(62.5, x=250), width=500), seen(face(62.5 - EDGE, x=250), width=500), CENTRE,
    ),
    "to the left": (seen(face(x=300)), seen(face(x=300 - EDGE)), CENTRE),
    "to the right": (seen(face(x=700)), seen(face(x=700 + EDGE)), CENTRE),
    "too low": (seen(face(y=2000 / 3 - EDGE)), seen(face(y=2000 / 3 + EDGE)), CENTRE),
    "the crown": (seen(face(y=105 + 150)), seen(face(y=105 + 150 - EDGE)), HEAD),
    "the left ear": (seen(face(500, x=300, y=500)), seen(face(500, x=300 - EDGE, y=500)), HEAD),
    "the right ear": (seen(face(500, x=700, y=500)), seen(face(500, x=700 + EDGE, y=500)), HEAD),
    "the chin": (seen(face(700, y=650)), seen(face(700, y=650 + EDGE)), HEAD),
    "the dark": (replace(seen(), brightness=DARKEST), replace(seen(), brightness=DARKEST - EDGE), Failure.IMAGE_QUALITY),
    "the blur": (replace(seen(), sharpness=SHARPEST_BLUR), replace(seen(), sharpness=SHARPEST_BLUR - EDGE), Failure.IMAGE_QUALITY),
    "another who is nearly as near": (
        seen(face(), face(150 - EDGE, x=800)), seen(face(), face(150, x=800)), Failure.MULTIPLE_FOREGROUND_PEOPLE,
    ),
    "another who may be one": (
        seen(face(), face(200, x=800, score=SURE - EDGE)), seen(face(), face(200, x=800, score=SURE)), Failure.MULTIPLE_FOREGROUND_PEOPLE,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("within", "beyond", "failure"), LINES.values(), ids=LINES)
def test_a_line_is_drawn_where_it_says(within: Seen, beyond: Seen, failure: Failure) -> None:
    assert failure not in failures(within)
    assert failure in failures(beyond)


def test_nobody_is_a_finding_and_a_plain_headshot_is_none() -> None:
    assert [one.failure for one in findings(Seen(SIDE, SIDE, ()))] == [CENTRE]
    assert findings(seen()) == []


def test_the_main_face_is_the_largest_that_is_sure_and_one_may_be_unsure() -> None:
    large, small, phantom = face(300), face(200), face(600, score=0.1)
    assert main_face([small, phantom, large]) == large
    assert main_face([face(90, score=0.2), phantom]).score == 0.2
    assert findings(seen(face(score=0.1))) == []


def test_of_a_dark_face_nobody_says_that_it_is_blurred() -> None:
    [only] = findings(replace(seen(), brightness=1.0, sharpness=0.0))
    assert "dark" in only.said


def test_a_gate_stops_everything_but_what_the_fixer_may_mend() -> None:
    found = findings(replace(seen(face(), face(x=800)), brightness=1.0))
    assert len(found) == 2
    assert refused(found, uses_fixer=False) == found
    assert refused(found, uses_fixer=True) == []
    nobody = findings(Seen(SIDE, SIDE, ()))
    assert refused(nobody, uses_fixer=True) == nobody
    asked = [Finding(failure, "") for failure in Failure if POLICIES[failure].action is Action.NEW_INPUT_NEEDED]
    assert refused(asked, uses_fixer=True) == asked
