"""The table of failures: the vendor's own words, each with a row, and a sentence for the caller."""

import pytest

from worker.core.decide import TABLE
from worker.core.events import InputRejected, ReleaseRequested
from worker.core.failures import POLICIES, Action, Failure
from worker.core.states import State

# Tavus, Replica FAQ, 2026-06. Which of them a re-framed and re-lit picture can mend is our own judgement.
IMAGE = {
    "LookingStraightAtCameraError": Action.NEW_INPUT_NEEDED,
    "HeadNotFullyInFrameError": Action.RETRY_WITH_IMAGE_FIXER,
    "ImageQualityError": Action.RETRY_WITH_IMAGE_FIXER,
    "PoseNotSuitableError": Action.RETRY_WITH_IMAGE_FIXER,
    "HeadphonesError": Action.RETRY_WITH_IMAGE_FIXER,
    "CelebrityFoundError": Action.ABANDON,
    "AppearsUnder18Error": Action.ABANDON,
    "Phx4NonHumanLikeSubjectError": Action.NEW_INPUT_NEEDED,
    "Phx4MultipleForegroundPeopleError": Action.RETRY_WITH_IMAGE_FIXER,
    "Phx4FaceObscuredError": Action.NEW_INPUT_NEEDED,
    "Phx4CenterFaceNotVisibleError": Action.RETRY_WITH_IMAGE_FIXER,
}
# Tavus, Errors and Status Details, 2026-02: every type whose remedy is another recording.
VIDEO_INPUT = """
    download_link video_processing file_size video_format video_codec video_codec_and_format video_duration video_fps
    face_or_obstruction_detected lighting_change_detected background_noise_detected video_editing_detected excessive_movement_detected
    hands_obstructing_face second_person_detected improper_distance inconsistent_distance face_turned_away improper_camera_angle
    poor_lighting teeth_not_visible
"""
VIDEO = dict.fromkeys(VIDEO_INPUT.split(), Action.NEW_INPUT_NEEDED) | {
    "audio_processing": Action.RETRY_PAID,
    "consent_phrase_mismatch": Action.ABANDON,
    "community_guidelines_violation": Action.ABANDON,
    "quality_issue_detected": Action.HOLD,
    "other_quality_issue": Action.HOLD,
}
VENDOR = IMAGE | VIDEO
# What we find out ourselves. Free: nothing was paid, and time alone may mend it.
OURS = {
    Action.RETRY_FREE: {
        Failure.RATE_LIMITED, Failure.CONVERSATIONS_FULL, Failure.UNREACHABLE, Failure.SENT_TOO_LATE, Failure.MONTH_SPENT, Failure.IN_FLIGHT_FULL,
        Failure.PACED, Failure.IMAGE_HOST_FAILING, Failure.PROVIDER_FAILING,
    },
    Action.HOLD: {
        Failure.ADDRESS_UNKNOWN, Failure.CONVERSATION_REFUSED, Failure.LOOKUP_UNREAD, Failure.CONVERSATION_LOST, Failure.REPLICA_VANISHED,
        Failure.TRAINING_OVERDUE, Failure.SUBMISSION_LOST, Failure.UNRECOGNISED,
    },
    Action.STOP_ACCOUNT: {Failure.KEY_REJECTED, Failure.OUT_OF_CREDIT},
    Action.NEW_INPUT_NEEDED: {
        Failure.SUBMISSION_REFUSED, Failure.URL_NOT_ALLOWED, Failure.ADDRESS_NOT_ALLOWED, Failure.URL_EXPIRES_TOO_SOON, Failure.IMAGE_NOT_FOUND,
        Failure.IMAGE_TOO_LARGE, Failure.IMAGE_FORMAT, Failure.IMAGE_TOO_SMALL, Failure.IMAGE_DAMAGED,
        Failure.LIKELY_REJECTED, Failure.PROVIDER_REFUSED,
    },
}  # fmt: skip
RELEASED_TO = {
    State.QUEUED: {Failure.QUALITY_ISSUE_DETECTED, Failure.OTHER_QUALITY_ISSUE, Failure.SUBMISSION_LOST, Failure.UNRECOGNISED},
    State.TRAINING: {Failure.REPLICA_VANISHED, Failure.TRAINING_OVERDUE},
    State.OPENING: {Failure.CONVERSATION_LOST},
}
"""Where a release goes on elsewhere than where the job was held: what ended is paid for anew, what is missing is looked for again."""


def test_every_failure_has_a_policy() -> None:
    assert set(POLICIES) == set(Failure)


def test_the_vendors_tables_are_whole() -> None:
    assert (len(IMAGE), len(VIDEO)) == (11, 26)


@pytest.mark.parametrize(("code", "action"), VENDOR.items(), ids=VENDOR)
def test_each_of_the_vendors_codes_has_its_own_row(code: str, action: Action) -> None:
    assert POLICIES[Failure(code)].action is action


def test_each_failure_of_our_own_has_the_action_that_its_money_asks_for() -> None:
    own = {failure for failure in Failure if failure.value not in VENDOR}
    for action in Action:
        assert {failure for failure in own if POLICIES[failure].action is action} == OURS.get(action, set()), action


def test_a_release_goes_on_where_the_job_was_held_unless_that_would_lead_nowhere() -> None:
    for state in State:
        assert {failure for failure, policy in POLICIES.items() if policy.release_to is state} == RELEASED_TO.get(state, set()), state


def test_nothing_that_tavus_forbids_is_retried_and_nothing_else_is_given_up_without_asking_for_new_input() -> None:
    assert {failure.value for failure, policy in POLICIES.items() if policy.action is Action.ABANDON} == {
        "CelebrityFoundError",
        "AppearsUnder18Error",
        "consent_phrase_mismatch",
        "community_guidelines_violation",
    }


def test_only_a_step_of_tavus_own_is_paid_for_again_with_the_same_input() -> None:
    assert [failure for failure, policy in POLICIES.items() if policy.action is Action.RETRY_PAID] == [Failure.AUDIO_PROCESSING]


def test_the_image_fixer_is_for_images() -> None:
    assert {failure.value for failure, policy in POLICIES.items() if policy.action is Action.RETRY_WITH_IMAGE_FIXER} <= set(IMAGE)


def test_only_a_wrong_key_or_an_empty_purse_stops_an_account() -> None:
    assert {f for f, p in POLICIES.items() if p.action is Action.STOP_ACCOUNT} == {Failure.KEY_REJECTED, Failure.OUT_OF_CREDIT}


@pytest.mark.parametrize("failure", Failure)
def test_the_caller_is_told_in_one_whole_sentence_or_two(failure: Failure) -> None:
    told = POLICIES[failure].told
    assert told[0].isupper()
    assert told.endswith(".")
    assert len(told) > 15
    assert failure.value not in told, "codes are for machines"


@pytest.mark.parametrize("failure", [f for f in Failure if POLICIES[f].action is Action.NEW_INPUT_NEEDED])
def test_who_must_send_new_input_is_told_what(failure: Failure) -> None:
    assert any(word in POLICIES[failure].told.lower() for word in ("send", "correct"))


def test_whoever_is_asked_to_release_what_pays_again_is_told_so() -> None:
    paying = [policy for policy in POLICIES.values() if policy.release_to is State.QUEUED]
    assert len(paying) == 4
    assert all("pays again" in policy.told for policy in paying)


def test_a_release_leads_only_where_the_table_of_moves_allows() -> None:
    for policy in POLICIES.values():
        assert policy.release_to is None or policy.release_to in TABLE[State.HELD][ReleaseRequested].to
        assert policy.release_to is None or policy.action is Action.HOLD


def test_input_that_is_rejected_before_payment_always_ends_the_job() -> None:
    assert TABLE[State.QUEUED][InputRejected].to == {State.ABANDONED}
