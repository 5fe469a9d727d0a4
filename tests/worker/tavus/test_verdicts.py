"""Every failure that Tavus documents is recognised wherever its code stands; nothing else is taken for one."""

import pytest

from tests.sandbox import messages
from tests.sandbox.rules import CodeStyle, Rules
from tests.sandbox.server import Sandbox
from tests.worker.tavus.made import ACCOUNT, DONE, calling, look, poll, train
from worker.core.events import TrainingFailed
from worker.core.failures import Failure
from worker.core.job import ReplicaId
from worker.tavus.client import Answer, Tavus
from worker.tavus.verdicts import SENTENCES, failure_in, failure_of_training
from worker.tavus.wire import replica_of

_DAMAGED = "video_processing_damaged"
"""The second sentence of `video_processing`, under a name of the sandbox's own."""
CELEBRITY = messages.IMAGE["CelebrityFoundError"]
BLURRED = messages.IMAGE["ImageQualityError"]


def film(tavus: Tavus, code: str) -> ReplicaId:
    reply = tavus.create_replica(ACCOUNT, {"train_video_url": f"https://films.example/a.mp4?sandbox_outcome={code}"})
    assert isinstance(reply, Answer)
    replica = replica_of(reply.document)
    assert replica is not None, reply.said
    return replica.id


@pytest.mark.parametrize("style", CodeStyle)
def test_every_failure_of_image_and_video_is_recognised_wherever_its_code_stands(style: CodeStyle) -> None:
    with Sandbox(Rules(code_style=style)) as sandbox, calling(sandbox.url) as tavus:
        trainings = {code: train(tavus, sandbox, f"sandbox_outcome={code}") for code in messages.IMAGE}
        trainings |= {code: film(tavus, code) for code in messages.VIDEO}
        sandbox.advance(DONE)
        news = {code: poll(tavus, [look(one)], DONE)[one] for code, one in trainings.items()}
    recognised = {code: event.failure for code, event in news.items() if isinstance(event, TrainingFailed)}
    assert recognised == {code: Failure("video_processing" if code == _DAMAGED else code) for code in trainings}


@pytest.mark.parametrize("style", CodeStyle)
def test_what_nobody_has_seen_is_unrecognised_and_its_words_are_kept(style: CodeStyle) -> None:
    with Sandbox(Rules(code_style=style)) as sandbox, calling(sandbox.url) as tavus:
        one = train(tavus, sandbox, "sandbox_outcome=unknown")
        sandbox.advance(DONE)
        assert poll(tavus, [look(one)], DONE)[one] == TrainingFailed(one, Failure.UNRECOGNISED, messages.UNHEARD_OF)


def test_the_table_knows_every_code_and_sentence_of_the_vendor() -> None:
    assert {failure.value for failure in SENTENCES} == {*messages.IMAGE, *messages.VIDEO} - {_DAMAGED}


def test_no_piece_of_a_sentence_stands_in_another_failures_sentence() -> None:
    last = list(SENTENCES)[-1]
    for code, sentence in {**messages.IMAGE, **messages.VIDEO}.items():
        plain = " ".join(sentence.lower().split())
        spoken = [failure.value for failure, pieces in SENTENCES.items() if failure is not last and any(piece in plain for piece in pieces)]
        assert spoken == ([] if code == last.value else ["video_processing" if code == _DAMAGED else code])


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        ("It resembles a widely recognizable public figure.", Failure.CELEBRITY_FOUND),
        ("It resembles an identifiable copyrighted character.", Failure.CELEBRITY_FOUND),
        ("The person may be under 18 years old.", Failure.APPEARS_UNDER_18),
        ("The person must be unambiguously 18 or older.", Failure.APPEARS_UNDER_18),
        ("Face not detected because it appeared too small.", Failure.VIDEO_PROCESSING),
        ("Please check your video format and make sure it not damaged.", Failure.VIDEO_PROCESSING),
    ],
)
def test_of_a_sentence_with_two_pieces_each_is_enough(said: str, failure: Failure) -> None:
    assert failure_in({"error_message": said}) is failure


@pytest.mark.parametrize("said", ["An internal error happened: try again later.", "Replica training failed.", "Unknown face"])
def test_words_that_any_sentence_may_have_name_no_failure(said: str) -> None:
    assert failure_in({"error_message": said}) is None


@pytest.mark.parametrize("code", ["HeadphonesError", "file_size"])
@pytest.mark.parametrize(
    "document",
    [
        "{}",
        {"error_message": "{}"},
        {"error_message": "{}: words"},
        {"error_message": "words ({})."},
        {"error": {"code": "{}", "message": "words"}},
        {"errors": [{"type": "{}"}]},
        {"failure_reason": ["words", "{}"]},
    ],
)
def test_a_code_counts_in_any_field(code: str, document: object) -> None:
    assert failure_in(_with(document, code)) == code


@pytest.mark.parametrize(
    "document",
    [
        {"replica_name": "{}"},
        {"face_name": "{}"},
        {"train_image_url": "https://b.example/{}.jpg"},
        {"callback_url": "https://b.example/{}"},
        {"error_message": "Could not fetch https://b.example/?{}"},
        {"error_message": "Could not fetch https://b.example/a?why={} in time"},
        {"error_message": "No such file: /tmp/{}/a.jpg"},
        {"error_message": "No such file: /tmp/{}"},
        {"error_message": "The replica Ann-{} is invalid"},
        {"error_message": "Replica {}-rw-mm0000000001-1 is invalid"},
        {"error_message": "{}Handler crashed"},
        {"error_message": "NoMore{}"},
    ],
)
def test_a_code_in_a_name_or_an_address_is_no_failure(document: object) -> None:
    assert failure_in(_with(document, "HeadphonesError")) is None
    assert failure_of_training(_with(document, "HeadphonesError")) is Failure.UNRECOGNISED


def _with(document: object, code: str) -> object:
    match document:
        case str():
            return document.replace("{}", code)
        case dict():
            return {key: _with(value, code) for key, value in document.items()}
        case list():
            return [_with(value, code) for value in document]
        case _:
            return document


@pytest.mark.parametrize(
    "document",
    [
        {"error_message": f"{BLURRED} {CELEBRITY}"},
        {"error_message": "ImageQualityError, CelebrityFoundError"},
        {"error_code": "ImageQualityError", "error_message": CELEBRITY},
        {"errors": [BLURRED, CELEBRITY]},
        {"first": BLURRED, "then": {"code": "CelebrityFoundError"}},
    ],
)
def test_of_two_failures_the_strictest_counts(document: object) -> None:
    assert failure_in(document) is Failure.CELEBRITY_FOUND


def test_a_code_counts_before_a_sentence_of_the_same_strictness() -> None:
    assert failure_in({"error_message": BLURRED, "error_code": "HeadphonesError"}) is Failure.HEADPHONES


def test_sentences_are_known_in_any_case_and_spacing() -> None:
    assert failure_in({"error_message": CELEBRITY.upper().replace(" ", "\n ")}) is Failure.CELEBRITY_FOUND


@pytest.mark.parametrize("document", [None, {}, [], 7, {"status": "error", "error_message": None}])
def test_where_nothing_is_said_nothing_is_recognised(document: object) -> None:
    assert failure_in(document) is None
