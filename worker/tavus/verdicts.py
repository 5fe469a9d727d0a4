"""Their words to our failures, as data: codes first, then distinctive pieces of their sentences, then `UNRECOGNISED`. It may not guess.

Codes and sentences: Tavus, Replica FAQ, 2026-06 (images) and Errors and Status Details, 2026-02 (videos). Which field carries the code is documented
nowhere, so it is looked for in all of them.
"""

import re

from worker.core.failures import POLICIES, Action, Failure
from worker.tavus.wire import texts_in

SENTENCES: dict[Failure, tuple[str, ...]] = {
    Failure.CELEBRITY_FOUND: ("widely recognizable public figure", "identifiable copyrighted character"),
    Failure.APPEARS_UNDER_18: ("under 18 years old", "unambiguously 18 or older"),
    Failure.COMMUNITY_GUIDELINES_VIOLATION: ("violates community guidelines",),
    Failure.CONSENT_PHRASE_MISMATCH: ("consent phrase does not match",),
    Failure.LOOKING_STRAIGHT_AT_CAMERA: ("gaze directed straight ahead",),
    Failure.HEAD_NOT_FULLY_IN_FRAME: ("entire head should be visible in the frame",),
    Failure.IMAGE_QUALITY: ("photo is too blurry, poorly lit",),
    Failure.POSE_NOT_SUITABLE: ("suitable as a default replica pose",),
    Failure.HEADPHONES: ("headphones or a headset were detected",),
    Failure.NON_HUMAN_LIKE_SUBJECT: ("real human or a clearly human-shaped person",),
    Failure.MULTIPLE_FOREGROUND_PEOPLE: ("more than one face or face-like element",),
    Failure.FACE_OBSCURED: ("not largely covered by hands, objects",),
    Failure.CENTER_FACE_NOT_VISIBLE: ("face or head should appear in the center",),
    Failure.DOWNLOAD_LINK: ("issue downloading your video file",),
    Failure.AUDIO_PROCESSING: ("processing the audio in the provided training video",),
    Failure.VIDEO_PROCESSING: ("face not detected because it appeared too small", "check your video format and make sure it not damaged"),
    Failure.FILE_SIZE: ("exceeds the maximum file size",),
    Failure.VIDEO_FORMAT: ("not a .mp4 file",),
    Failure.VIDEO_CODEC: ("not encoded using h.264",),
    Failure.VIDEO_DURATION: ("minimum duration requirement",),
    Failure.VIDEO_FPS: ("minimum frame rate requirement",),
    Failure.FACE_OR_OBSTRUCTION_DETECTED: ("more than one face detected or obstructions",),
    Failure.LIGHTING_CHANGE_DETECTED: ("lighting changes detected",),
    Failure.BACKGROUND_NOISE_DETECTED: ("background noise or other voices",),
    Failure.VIDEO_EDITING_DETECTED: ("appears edited or contains cuts",),
    Failure.EXCESSIVE_MOVEMENT_DETECTED: ("excessive movement",),
    Failure.HANDS_OBSTRUCTING_FACE: ("hand obstructed the face",),
    Failure.SECOND_PERSON_DETECTED: ("second person or face",),
    Failure.IMPROPER_DISTANCE: ("too close to or too far",),
    Failure.INCONSISTENT_DISTANCE: ("distance from the camera changed",),
    Failure.FACE_TURNED_AWAY: ("face turned away",),
    Failure.IMPROPER_CAMERA_ANGLE: ("camera angle was either too low or too high",),
    Failure.POOR_LIGHTING: ("due to poor lighting or heavy shadows",),
    Failure.TEETH_NOT_VISIBLE: ("teeth were not clearly visible",),
    Failure.QUALITY_ISSUE_DETECTED: ("quality issue detected",),
    Failure.OTHER_QUALITY_ISSUE: ("quality issue was detected",),
    # Last: the two before it end in this very sentence.
    Failure.VIDEO_CODEC_AND_FORMAT: ("is a .mp4 file encoded using h.264",),
}
"""Every failure that Tavus has a code for, with pieces of its sentence in lower case, no piece in another's sentence (but the last)."""

# Not as a part of a path or of a name with hyphens, such as those that we send.
_CODE = re.compile(rf"(?<![\w/-])(?:{'|'.join(re.escape(failure.value) for failure in SENTENCES)})(?![\w/-]|\.\w)")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{0,20}://\S*", re.IGNORECASE)
# What the caller or we wrote comes back in these; a replica that is called "HeadphonesError" has no headphones for that.
_OURS = re.compile(r"name$|url$|^callback", re.IGNORECASE)


def failure_in(document: object) -> Failure | None:
    """The failure that an answer speaks of, by code, else by sentence; None when it speaks of none that is known.

    With more than one in it the strictest counts: a material that Tavus forbids is not retried because it was also blurred.
    """
    texts = [_ADDRESS.sub(" ", text) for key, text in texts_in(document) if not _OURS.search(key)]
    named = [Failure(code) for text in texts for code in _CODE.findall(text)]
    spoken = [failure for text in texts for failure in _spoken_of(text)]
    return next((failure for failure in named + spoken if POLICIES[failure].action is Action.ABANDON), next(iter(named + spoken), None))


def failure_of_training(document: object) -> Failure:
    """The failure of a training that ended in an error; what nobody recognises is `UNRECOGNISED`, which holds the job."""
    return failure_in(document) or Failure.UNRECOGNISED


def _spoken_of(text: str) -> list[Failure]:
    plain = " ".join(text.lower().split())
    return [failure for failure, pieces in SENTENCES.items() if any(piece in plain for piece in pieces)]
