"""What a look at a picture says of its chances with Tavus: thresholds, each with its reason. It may not look: it is told what was seen.

Advice, not proof: Tavus publishes what it rejects (Replica FAQ, 2026-06) and not where it draws the line, so the lines here are drawn where hardly
anybody would call the picture a headshot.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from worker.core.failures import POLICIES, Action, Failure

SMALLEST_FACE = 1 / 8
"""Of the shorter side. A head is nearly two faces high: at an eighth it fills less than a quarter of the picture, which then is a wide shot."""
SURE = 0.5
"""The detector's score from which on a further face counts: what is no face gets some hundredths, a face one to three. One face may be unsure."""
FOREGROUND = 1 / 2
"""Of the largest face's height. Whoever is half as large stands twice as far away: no longer beside the person, but behind."""
OFF_CENTRE = 1 / 5
"""Of the width, from the middle to the middle of the face: beyond it the face has left the middle third but for its edge."""
LOWEST = 2 / 3
"""Of the height: a face whose middle is lower has more picture above it than a headshot has, and no shoulders beneath."""
HEAD_ABOVE, HEAD_BESIDE = 0.35, 0.1
"""Of the face's own size: how far a head goes beyond its face, which a detector draws from the brows to the chin, to the crown and to each ear."""
DARKEST = 40.0
"""Mean brightness of a face, of 255. Well lit skin of any colour lies above 60; beneath 40 the eyes can hardly be told from their shadows."""
SHARPEST_BLUR = 1.0
"""Variance of the second derivative of a face drawn to 128 pixels, in percent of its own: seven to fifteen in focus; below one when out of focus,
shaken, or enlarged from a thumbnail."""


class Vision(StrEnum):
    """What a look at the picture may do."""

    OFF = "off"
    ADVISE = "advise"
    REQUIRE = "require"


@dataclass(frozen=True, slots=True)
class Face:
    """A face from brows to chin, in pixels of the picture; its edges may lie outside of it. `score`: see `SURE`."""

    left: float
    top: float
    right: float
    bottom: float
    score: float = 1.0

    @property
    def width(self) -> float:
        """How wide it is."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """How high it is."""
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen. `brightness` and `sharpness`: of the largest face; see `DARKEST` and `SHARPEST_BLUR`."""

    width: int
    height: int
    faces: Sequence[Face]
    brightness: float = 255.0
    sharpness: float = 100.0


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that speaks against a picture: what Tavus would call it, and a sentence for people."""

    failure: Failure
    said: str
    is_hopeless: bool = False
    """Nothing there that could be mended."""

    @property
    def is_mendable(self) -> bool:
        """Whether Tavus' image fixer may mend it."""
        return not self.is_hopeless and POLICIES[self.failure].action is Action.RETRY_WITH_IMAGE_FIXER


def findings(seen: Seen) -> list[Finding]:
    """Everything that speaks against the picture, the gravest first; none for a good headshot."""
    if not seen.faces:
        said = "no face was found. Send a picture of one person, near, who looks straight into the camera with nothing before the face"
        return [Finding(Failure.CENTER_FACE_NOT_VISIBLE, f"{said}.", is_hopeless=True)]
    face = main_face(seen.faces)
    return [*_number(seen.faces, face), *_place(seen, face), *_light(seen)]


def refused(found: Sequence[Finding], *, uses_fixer: bool) -> list[Finding]:
    """What a gate stops: all of it, but what Tavus' image fixer may mend where the first submission uses it."""
    return [one for one in found if not (uses_fixer and one.is_mendable)]


def main_face(faces: Sequence[Face]) -> Face:
    """The largest of those that surely are one; where none is sure, the surest."""
    return max(faces, key=lambda face: (face.score >= SURE, face.height if face.score >= SURE else face.score))


def _number(faces: Sequence[Face], main: Face) -> Iterator[Finding]:
    near = sum(face is main or (face.score >= SURE and face.height >= FOREGROUND * main.height) for face in faces)
    if near > 1:
        yield Finding(Failure.MULTIPLE_FOREGROUND_PEOPLE, f"{near} faces are in the foreground. Send a picture with one person only.")


def _place(seen: Seen, face: Face) -> Iterator[Finding]:
    part = face.height / min(seen.width, seen.height)
    if part < SMALLEST_FACE:
        said = f"the face is {part:.0%} of the shorter side, and should be {SMALLEST_FACE:.0%} or more. Send a closer one, or crop it"
        yield Finding(Failure.CENTER_FACE_NOT_VISIBLE, f"{said}.")
    if cut := [side for side, over in _overhang(seen, face) if over > 0]:
        said = f"the head is cut off at the {' and the '.join(cut)}. Send a picture that shows the whole head and the shoulders"
        yield Finding(Failure.HEAD_NOT_FULLY_IN_FRAME, f"{said}.")
    aside = abs((face.left + face.right) / 2 / seen.width - 1 / 2)
    if aside > OFF_CENTRE or (face.top + face.bottom) / 2 / seen.height > LOWEST:
        yield Finding(Failure.CENTER_FACE_NOT_VISIBLE, "the face is not in the centre. Send a picture with the face in the middle.")


def _overhang(seen: Seen, face: Face) -> Iterator[tuple[str, float]]:
    """How far the head goes over each edge."""
    beside = HEAD_BESIDE * face.width
    yield "top", HEAD_ABOVE * face.height - face.top
    yield "left", beside - face.left
    yield "right", face.right + beside - seen.width
    yield "bottom", face.bottom - seen.height


def _light(seen: Seen) -> Iterator[Finding]:
    if seen.brightness < DARKEST:
        said = f"the face is too dark (brightness {seen.brightness:.0f} of 255, {DARKEST:.0f} is the least). Send an evenly lit picture"
        yield Finding(Failure.IMAGE_QUALITY, f"{said}.")
    elif seen.sharpness < SHARPEST_BLUR:  # of what is dark nobody can say whether it is sharp
        said = f"the face is blurred (sharpness {seen.sharpness:.1f}, {SHARPEST_BLUR:.1f} is the least). Send a picture that is in focus"
        yield Finding(Failure.IMAGE_QUALITY, f"{said}.")
