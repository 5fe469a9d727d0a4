"""What the vendor says when a training fails, word for word by code. It holds data only: what a code means is the reader's business."""

_IMAGE = "There was an error processing your image. "
_FILE = "There was an issue processing your training file: "
_VIDEO = "There was an issue processing your training video. "
_QUALITY = "There was a quality issue with your replica. "
_RERECORD = "Please edit or record a new video and "

IMAGE: dict[str, str] = {
    "LookingStraightAtCameraError": _IMAGE
    + "The main subject should face the camera with gaze directed straight ahead, as in a typical portrait. Please use a photo where you are "
    "not in profile, not turned far to the side, and not looking clearly up or down away from the lens.",
    "HeadNotFullyInFrameError": _IMAGE
    + "Your entire head should be visible in the frame from the top of the skull down to the chin, without the crown, forehead, or a large "
    "part of the head being cut off by the image edge. Please zoom out or reframe and try again.",
    "ImageQualityError": _IMAGE + "The photo is too blurry, poorly lit, or the subject is too small or unclear to use. "
    "Please upload a sharper, well-lit photo with your face clearly visible.",
    "PoseNotSuitableError": _IMAGE
    + "Your pose should be a natural, neutral stance (roughly upright, facing the camera) suitable as a default replica pose \N{EM DASH} not "
    "leaning far forward or back, lying down, or in a dramatic action pose. Please use a straighter, more neutral photo.",
    "HeadphonesError": _IMAGE + "Headphones or a headset were detected. Please use a photo without on-ear or over-ear headphones.",
    "CelebrityFoundError": _FILE
    + "The image appears to show a widely recognizable public figure or a clearly identifiable copyrighted character. "
    "Please use only your own likeness and material you have the right to use.",
    "AppearsUnder18Error": _FILE
    + "The image appears to show someone who is clearly under 18 years old. Training is only supported for adults. "
    "Please use a photo where the main subject is unambiguously 18 or older.",
    "Phx4NonHumanLikeSubjectError": _IMAGE
    + "The main subject must be a real human or a clearly human-shaped person (including stylized or cartoon humans). Fantasy creatures, "
    "animals, objects with faces, or non-human figures are not supported. Please use a photo with a clear human subject.",
    "Phx4MultipleForegroundPeopleError": _IMAGE
    + "Detect more than one face or face-like element clearly visible in the image, whether real, painted, drawn, printed. "
    "Please use a photo with a single main subject.",
    "Phx4FaceObscuredError": _IMAGE
    + "The face should be clearly visible and not largely covered by hands, objects, headscarf. Please use a clearer photo.",
    "Phx4CenterFaceNotVisibleError": _IMAGE
    + "A clear human face or head should appear in the center of the photo with facial features reasonably visible. "
    "Please reframe so your face is centered and clear, or use a different photo.",
}
"""The eleven image codes (Tavus, Replica FAQ, mid-2026). The page calls them *common* codes: the list is not closed."""

_H264 = "Please ensure that the training video is a .mp4 file encoded using h.264"

VIDEO: dict[str, str] = {
    "download_link": "There was an issue downloading your video file. Please ensure that the link you provided is correct and try again",
    "file_size": "The video file you provided exceeds the maximum file size allowed. "
    "Please ensure that the video is less than 750MB and try again.",
    "video_format": _VIDEO + "The video provided is not a .mp4 file. " + _H264,
    "video_codec": _VIDEO + "The video provided is not encoded using h.264. " + _H264,
    "video_codec_and_format": _VIDEO + _H264,
    "video_duration": _VIDEO + "The video provided does not meet the minimum duration requirement for training",
    "video_fps": _VIDEO + "The video provided does not meet the minimum frame rate requirement for a training video. "
    "Please ensure your training video has a frame rate of at least 25fps",
    "consent_phrase_mismatch": _FILE + "Your consent phrase does not match our requirements. Please follow our specified format closely",
    "face_or_obstruction_detected": _FILE
    + "More than one face detected or obstructions present. Please ensure only your face is visible and clear",
    "lighting_change_detected": _FILE + "Lighting changes detected. Ensure your face is evenly lit throughout the video",
    "background_noise_detected": _FILE
    + "Background noise or other voices detected. Please record in a quiet environment with only your voice",
    "video_editing_detected": _FILE + "Video appears edited or contains cuts. Please submit an unedited, continuous video",
    "community_guidelines_violation": _FILE + "Video violates Community Guidelines. Please review our guidelines and resubmit your video",
    "video_processing": "There was an error processing your training video. Face not detected because it appeared too small in the frame or it "
    "was occluded. " + _RERECORD + "ensure your face is clearly visible and occupies a larger portion of the frame.",
    # The page gives this type two sentences; the suffix is ours, to script the second.
    "video_processing_damaged": "There was an error processing your training video file. "
    "Please check your video format and make sure it not damaged and could be played correctly.",
    "excessive_movement_detected": _FILE + "Excessive movement detected. Please ensure you are sitting still and centered in the frame",
    "audio_processing": "There was an error processing the audio in the provided training video file.",
    "quality_issue_detected": "Quality issue detected. For details and assistance, "
    "please reach out to Tavus support via developer-support@tavus.io",
    "hands_obstructing_face": _QUALITY + "The user's hand obstructed the face during recording. "
    "Please edit your video or record a new training video and keep hands away from the face.",
    "second_person_detected": _QUALITY + "A second person or face was detected in the frame. "
    "Please edit your video or record a new video with no one else in the background.",
    "improper_distance": _QUALITY + "The user was either too close to or too far from the camera. "
    "Please review our documentation on proper framing and distance before editing your video or recording a new video.",
    "inconsistent_distance": _QUALITY
    + "The user's distance from the camera changed during the recording. Please edit or record a new training video "
    "and remain at a consistent distance from the camera for the entire video.",
    "face_turned_away": _QUALITY
    + " User's face turned away from the camera. "
    + _RERECORD
    + "ensure you are facing directly toward the camera for the entire duration.",
    "improper_camera_angle": _QUALITY
    + "The camera angle was either too low or too high. Please record a new video with the camera angle at eye level.",
    "poor_lighting": _QUALITY + "The user's face was not clearly visible due to poor lighting or heavy shadows. "
    "Please edit or record a new video with even lighting on your face, avoiding shadows or dim environments.",
    "teeth_not_visible": _QUALITY
    + "The top and bottom teeth were not clearly visible during recording, either due to poor lighting or obstruction. "
    "Please edit your video or record a new training video with better lighting and ensure your teeth are fully visible.",
    "other_quality_issue": "Quality issue was detected. For details and assistance, please reach out to Tavus support via support@tavus.io",
}
"""The video error types (Tavus, Errors and Status Details, early 2026). The API is shown to carry the sentence only, never the type."""

UNKNOWN = "unknown"
NEVER = "never"
TUNING = "tuning"
UNHEARD_OF = "The training step reported an unexpected condition (E-7731). Our team has been notified."
"""A sentence that appears on no page: what a client does with it is the point of the test."""

TEXTS: dict[str, str] = {**IMAGE, **VIDEO, UNKNOWN: UNHEARD_OF}
OUTCOMES: frozenset[str] = frozenset({*TEXTS, NEVER, TUNING})
"""Everything that `sandbox_outcome` in a training URL may say."""
