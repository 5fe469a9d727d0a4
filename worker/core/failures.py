"""What can go wrong and what is done about it: `POLICIES`, total over `Failure`. It may not do anything; `decide` reads the table.

Image codes: Tavus, Replica FAQ, 2026-06. Video types: Tavus, Errors and Status Details, 2026-02. The rest are our own words.
"""

from dataclasses import dataclass
from enum import StrEnum

from worker.core.states import State


class Action(StrEnum):
    """What a policy does with the job."""

    RETRY_FREE = "retry_free"  # nothing was paid: again later
    RETRY_PAID = "retry_paid"  # a new submission, within the job's paid attempts
    RETRY_WITH_IMAGE_FIXER = "retry_with_image_fixer"  # the same, once, with Tavus' fixer, if the caller allows it
    NEW_INPUT_NEEDED = "new_input_needed"  # ends the job: the same input would fail again
    HOLD = "hold"  # a person decides
    STOP_ACCOUNT = "stop_account"  # a person decides, and nothing more of this account is paid for until then
    ABANDON = "abandon"  # ends the job: never to be tried again


class Failure(StrEnum):
    """Every way a job can fail. Vendor failures carry the vendor's own word as value."""

    # Image training
    LOOKING_STRAIGHT_AT_CAMERA = "LookingStraightAtCameraError"
    HEAD_NOT_FULLY_IN_FRAME = "HeadNotFullyInFrameError"
    IMAGE_QUALITY = "ImageQualityError"
    POSE_NOT_SUITABLE = "PoseNotSuitableError"
    HEADPHONES = "HeadphonesError"
    CELEBRITY_FOUND = "CelebrityFoundError"
    APPEARS_UNDER_18 = "AppearsUnder18Error"
    NON_HUMAN_LIKE_SUBJECT = "Phx4NonHumanLikeSubjectError"
    MULTIPLE_FOREGROUND_PEOPLE = "Phx4MultipleForegroundPeopleError"
    FACE_OBSCURED = "Phx4FaceObscuredError"
    CENTER_FACE_NOT_VISIBLE = "Phx4CenterFaceNotVisibleError"
    # Video training
    DOWNLOAD_LINK = "download_link"
    AUDIO_PROCESSING = "audio_processing"
    VIDEO_PROCESSING = "video_processing"
    FILE_SIZE = "file_size"
    VIDEO_FORMAT = "video_format"
    VIDEO_CODEC = "video_codec"
    VIDEO_CODEC_AND_FORMAT = "video_codec_and_format"
    VIDEO_DURATION = "video_duration"
    VIDEO_FPS = "video_fps"
    FACE_OR_OBSTRUCTION_DETECTED = "face_or_obstruction_detected"
    LIGHTING_CHANGE_DETECTED = "lighting_change_detected"
    BACKGROUND_NOISE_DETECTED = "background_noise_detected"
    VIDEO_EDITING_DETECTED = "video_editing_detected"
    EXCESSIVE_MOVEMENT_DETECTED = "excessive_movement_detected"
    HANDS_OBSTRUCTING_FACE = "hands_obstructing_face"
    SECOND_PERSON_DETECTED = "second_person_detected"
    IMPROPER_DISTANCE = "improper_distance"
    INCONSISTENT_DISTANCE = "inconsistent_distance"
    FACE_TURNED_AWAY = "face_turned_away"
    IMPROPER_CAMERA_ANGLE = "improper_camera_angle"
    POOR_LIGHTING = "poor_lighting"
    TEETH_NOT_VISIBLE = "teeth_not_visible"
    CONSENT_PHRASE_MISMATCH = "consent_phrase_mismatch"
    COMMUNITY_GUIDELINES_VIOLATION = "community_guidelines_violation"
    QUALITY_ISSUE_DETECTED = "quality_issue_detected"
    OTHER_QUALITY_ISSUE = "other_quality_issue"
    # What Tavus answers to a request
    KEY_REJECTED = "key_rejected"
    OUT_OF_CREDIT = "out_of_credit"
    RATE_LIMITED = "rate_limited"
    CONVERSATIONS_FULL = "conversations_full"
    UNREACHABLE = "unreachable"
    ADDRESS_UNKNOWN = "address_unknown"
    SUBMISSION_REFUSED = "submission_refused"
    CONVERSATION_REFUSED = "conversation_refused"
    # What we find out ourselves
    SENT_TOO_LATE = "sent_too_late"
    LOOKUP_UNREAD = "lookup_unread"
    CONVERSATION_LOST = "conversation_lost"
    MONTH_SPENT = "month_spent"
    IN_FLIGHT_FULL = "in_flight_full"
    PACED = "paced"
    REPLICA_VANISHED = "replica_vanished"
    TRAINING_OVERDUE = "training_overdue"
    SUBMISSION_LOST = "submission_lost"
    UNRECOGNISED = "unrecognised"
    # Preflight: found before anything is paid
    URL_NOT_ALLOWED = "url_not_allowed"
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    URL_EXPIRES_TOO_SOON = "url_expires_too_soon"
    IMAGE_NOT_FOUND = "image_not_found"
    IMAGE_HOST_FAILING = "image_host_failing"
    IMAGE_TOO_LARGE = "image_too_large"
    IMAGE_FORMAT = "image_format"
    IMAGE_TOO_SMALL = "image_too_small"
    IMAGE_DAMAGED = "image_damaged"
    LIKELY_REJECTED = "likely_rejected"
    # The caller's own provider of addresses
    PROVIDER_FAILING = "provider_failing"
    PROVIDER_REFUSED = "provider_refused"


@dataclass(frozen=True, slots=True)
class Policy:
    """What is done about a failure, and the sentence that the caller is told."""

    action: Action
    told: str
    release_to: State | None = None
    """For what holds a job: where `release` puts it. None: where it came from."""


_FIXER, _INPUT, _ABANDON = Action.RETRY_WITH_IMAGE_FIXER, Action.NEW_INPUT_NEEDED, Action.ABANDON
_FREE, _PAID, _HOLD, _STOP = Action.RETRY_FREE, Action.RETRY_PAID, Action.HOLD, Action.STOP_ACCOUNT
_SOME_QUALITY_ISSUE = (
    "Tavus names a quality issue without its kind: ask Tavus' support, then abandon, or release: that submits again, and pays again."
)

POLICIES: dict[Failure, Policy] = {
    # The image fixer re-frames and re-lights; it cannot turn a gaze, uncover a face or make a subject human.
    Failure.LOOKING_STRAIGHT_AT_CAMERA: Policy(_INPUT, "Send a picture in which the person looks straight into the camera."),
    Failure.HEAD_NOT_FULLY_IN_FRAME: Policy(_FIXER, "Send a picture that shows the whole head and the shoulders."),
    Failure.IMAGE_QUALITY: Policy(_FIXER, "Send a sharper, evenly lit picture."),
    Failure.POSE_NOT_SUITABLE: Policy(_FIXER, "Send a picture with an upright, neutral pose."),
    Failure.HEADPHONES: Policy(_FIXER, "Send a picture without headphones or a headset."),
    Failure.CELEBRITY_FOUND: Policy(_ABANDON, "Tavus takes the likeness for a celebrity's and will not train it."),
    Failure.APPEARS_UNDER_18: Policy(_ABANDON, "Tavus takes the person for a minor and will not train the replica."),
    Failure.NON_HUMAN_LIKE_SUBJECT: Policy(_INPUT, "Send a picture of a human subject."),
    Failure.MULTIPLE_FOREGROUND_PEOPLE: Policy(_FIXER, "Send a picture with one person only."),
    Failure.FACE_OBSCURED: Policy(_INPUT, "Send a picture in which nothing covers the face."),
    Failure.CENTER_FACE_NOT_VISIBLE: Policy(_FIXER, "Send a picture with the face in the centre."),
    # A fresh link is new input: the one we hold passed preflight and still could not be fetched.
    Failure.DOWNLOAD_LINK: Policy(_INPUT, "Tavus could not download the video: send a fresh link that lives for 24 hours or more."),
    Failure.AUDIO_PROCESSING: Policy(_PAID, "Tavus could not process the audio track; if it happens again, send another recording."),
    Failure.VIDEO_PROCESSING: Policy(_INPUT, "Send an undamaged video in which the face is large enough."),
    Failure.FILE_SIZE: Policy(_INPUT, "Send a video of at most 750 MB."),
    Failure.VIDEO_FORMAT: Policy(_INPUT, "Send the video as an .mp4 file."),
    Failure.VIDEO_CODEC: Policy(_INPUT, "Send a video encoded with h.264."),
    Failure.VIDEO_CODEC_AND_FORMAT: Policy(_INPUT, "Send the video as an .mp4 file encoded with h.264."),
    Failure.VIDEO_DURATION: Policy(_INPUT, "Send a video of at least one minute."),
    Failure.VIDEO_FPS: Policy(_INPUT, "Send a video with at least 25 frames a second."),
    Failure.FACE_OR_OBSTRUCTION_DETECTED: Policy(_INPUT, "Send a video with one face and nothing in front of it."),
    Failure.LIGHTING_CHANGE_DETECTED: Policy(_INPUT, "Send a video with even light from beginning to end."),
    Failure.BACKGROUND_NOISE_DETECTED: Policy(_INPUT, "Send a video without background noise or other voices."),
    Failure.VIDEO_EDITING_DETECTED: Policy(_INPUT, "Send one continuous take, without cuts or edits."),
    Failure.EXCESSIVE_MOVEMENT_DETECTED: Policy(_INPUT, "Send a video in which the person keeps still."),
    Failure.HANDS_OBSTRUCTING_FACE: Policy(_INPUT, "Send a video in which the hands stay away from the face."),
    Failure.SECOND_PERSON_DETECTED: Policy(_INPUT, "Send a video with one person only."),
    Failure.IMPROPER_DISTANCE: Policy(_INPUT, "Send a video taken from neither too close nor too far."),
    Failure.INCONSISTENT_DISTANCE: Policy(_INPUT, "Send a video in which the distance to the camera stays the same."),
    Failure.FACE_TURNED_AWAY: Policy(_INPUT, "Send a video in which the person faces the camera throughout."),
    Failure.IMPROPER_CAMERA_ANGLE: Policy(_INPUT, "Send a video with the camera at eye level."),
    Failure.POOR_LIGHTING: Policy(_INPUT, "Send a video with better, even light and no heavy shadows."),
    Failure.TEETH_NOT_VISIBLE: Policy(_INPUT, "Send a video in which the teeth can be seen while the person talks."),
    Failure.CONSENT_PHRASE_MISMATCH: Policy(
        _ABANDON, "The spoken consent does not match Tavus' statement; a new job needs a new consent recording."
    ),
    Failure.COMMUNITY_GUIDELINES_VIOLATION: Policy(_ABANDON, "Tavus' Community Guidelines do not allow this material."),
    Failure.QUALITY_ISSUE_DETECTED: Policy(_HOLD, _SOME_QUALITY_ISSUE, State.QUEUED),
    Failure.OTHER_QUALITY_ISSUE: Policy(_HOLD, _SOME_QUALITY_ISSUE, State.QUEUED),
    Failure.KEY_REJECTED: Policy(
        _STOP, "The account's API key is missing here, or Tavus does not accept it: set the right key, then resume the account."
    ),
    Failure.OUT_OF_CREDIT: Policy(
        _STOP, "The Tavus account is out of credit or its plan does not include this: mend that, then resume the account."
    ),
    Failure.RATE_LIMITED: Policy(_FREE, "Tavus asks us to slow down; tried again by itself."),
    Failure.CONVERSATIONS_FULL: Policy(_FREE, "All of the account's conversation slots are taken; tried again by itself."),
    Failure.UNREACHABLE: Policy(_FREE, "Tavus could not be reached, and nothing was sent; tried again by itself."),
    Failure.ADDRESS_UNKNOWN: Policy(_HOLD, "Tavus knows no such address: check TAVUS_PUBLIC_API_BASE_URL, then release."),
    Failure.SUBMISSION_REFUSED: Policy(_INPUT, "Tavus refused the request as it stands: correct it and enqueue a new job."),
    Failure.CONVERSATION_REFUSED: Policy(
        _HOLD, "The replica is trained, but Tavus refused the conversation's fields: see the detail, then release or abandon."
    ),
    Failure.SENT_TOO_LATE: Policy(_FREE, "The worker was too slow to send the request safely, so it sent nothing; tried again by itself."),
    Failure.LOOKUP_UNREAD: Policy(
        _HOLD,
        "What was lost is looked for in the account's list, and that could not be read for long: see the detail. Release goes on looking.",
    ),
    Failure.CONVERSATION_LOST: Policy(
        _HOLD,
        "Tavus keeps answering the conversation with nonsense and none appears: ask its support. Release opens another.",
        State.OPENING,
    ),
    Failure.MONTH_SPENT: Policy(
        _FREE,
        "The account's trainings of this month are spent: goes on when one of them is refunded, next month, or when its limit is raised.",
    ),
    Failure.IN_FLIGHT_FULL: Policy(_FREE, "As many trainings run as the account's limit allows: goes on when one of them ends."),
    Failure.PACED: Policy(_FREE, "The account may ask Tavus for no more just now: goes on by itself, as soon as it may."),
    Failure.REPLICA_VANISHED: Policy(
        _HOLD, "Tavus no longer knows the replica: somebody may have deleted it. Release looks again.", State.TRAINING
    ),
    Failure.TRAINING_OVERDUE: Policy(
        _HOLD, "The training has outlived every deadline: ask Tavus' support. Release goes on looking.", State.TRAINING
    ),
    Failure.SUBMISSION_LOST: Policy(
        _HOLD,
        "Tavus keeps answering the submission with nonsense and no replica appears: ask its support. Release submits again, and pays again.",
        State.QUEUED,
    ),
    Failure.UNRECOGNISED: Policy(_HOLD, "Nobody knows this error: read the detail. Release submits again, and pays again.", State.QUEUED),
    Failure.URL_NOT_ALLOWED: Policy(_INPUT, "Send an address that starts with https:// and names a public host."),
    Failure.ADDRESS_NOT_ALLOWED: Policy(_INPUT, "Send a public address: this one leads into a private network."),
    Failure.URL_EXPIRES_TOO_SOON: Policy(_INPUT, "Send a presigned URL that lives for 24 hours or more from now; 48 hours is prudent."),
    Failure.IMAGE_NOT_FOUND: Policy(_INPUT, "Send an address that answers a plain GET with the file."),
    Failure.IMAGE_HOST_FAILING: Policy(_FREE, "The input's own server does not answer; tried again by itself."),
    Failure.IMAGE_TOO_LARGE: Policy(_INPUT, "Send a smaller file."),
    Failure.IMAGE_FORMAT: Policy(_INPUT, "Send a JPG or PNG."),
    Failure.IMAGE_TOO_SMALL: Policy(_INPUT, "Send a picture of at least 512x512 pixels."),
    Failure.IMAGE_DAMAGED: Policy(_INPUT, "Send a picture that opens without errors."),
    Failure.LIKELY_REJECTED: Policy(_INPUT, "Send another picture: Tavus would most likely reject this one, see the detail."),
    Failure.PROVIDER_FAILING: Policy(_FREE, "The source_url_provider does not answer; tried again by itself."),
    Failure.PROVIDER_REFUSED: Policy(
        _INPUT,
        'Correct the source_url_provider, which must answer its signed POST with 200 and {"url": "https://..."}; then retry the job.',
    ),
}
