"""Three kinds of no: what certainly was not done is refused, what may have been done is lost, and neither is ever taken for the other."""

from datetime import timedelta

import pytest

from tests.sandbox.faults import Harm
from tests.sandbox.server import Sandbox
from tests.worker.tavus.made import KEY, MARK, PAGE_OF_HTML, SHORT, TALK, asked_of, body, open_with, performing, submit, train, until
from tests.worker.tavus.scripted import Said, Scripted
from worker.core.events import ConversationLost, ConversationRefused, Event, SubmissionAccepted, SubmissionLost, SubmissionRefused
from worker.core.failures import Failure
from worker.tavus.client import Answer, Cut, NotSent, Reply
from worker.tavus.perform import Performer
from worker.tavus.refusals import fault_of, says_unknown

HTML = {"Content-Type": "text/html"}
JSON_NO_OBJECT = [b"null", b"404", b'"Not Found"', b"[]", b"0"]
LOST = {
    **{
        f"{status} of Tavus": Said(status, {"message": "no"})
        for status in (301, 302, 307, 308, 408, 409, 425, 499, 500, 502, 503, 504, 599)
    },
    **{f"{status} of a proxy": Said(status, PAGE_OF_HTML, HTML) for status in (400, 401, 402, 403, 404, 422, 429, 500, 502, 503)},
    **{f"400 {content.decode()}": Said(400, content) for content in JSON_NO_OBJECT},
    **{f"200 {content.decode()}": Said(200, content) for content in [*JSON_NO_OBJECT, b"", b"{}", b"<html>", b'{"status": "started"}']},
    "200 with an error": Said(200, {"error": "Invalid voice_name"}),
    "200 with an empty id": Said(200, {"replica_id": "", "conversation_id": ""}),
    "200 with a number for an id": Said(200, {"replica_id": 7, "conversation_id": 7}),
    "200 with an id that is none": Said(200, {"replica_id": "r1/../r2", "conversation_id": "c1?"}),
    "201 without an id": Said(201, {"status": "started"}),
    "204": Said(204),
    **{
        f"{status} with an id": Said(status, {"replica_id": "r1", "conversation_id": "c1", "conversation_url": "a"})
        for status in (302, 409, 500)
    },
}
REFUSED = {
    401: Failure.KEY_REJECTED,
    402: Failure.OUT_OF_CREDIT,
    403: Failure.KEY_REJECTED,
    404: Failure.ADDRESS_UNKNOWN,
    405: Failure.ADDRESS_UNKNOWN,
    429: Failure.RATE_LIMITED,
}


def told(said: Said) -> tuple[Event, Event]:
    """What a submission and a conversation become by this answer; each was sent once."""
    with Scripted(said) as server, performing(server.url) as performer:
        news = performer.perform(submit()), performer.perform(open_with("r1"))
    assert [asked.path for asked in server.asked] == ["/v2/replicas", "/v2/conversations"]
    return news


@pytest.mark.parametrize("said", LOST.values(), ids=LOST)
def test_what_may_have_been_done_is_lost(said: Said) -> None:
    submission, conversation = told(said)
    assert isinstance(submission, SubmissionLost)
    assert isinstance(conversation, ConversationLost)
    assert (submission.mark, conversation.mark) == (MARK, TALK)
    assert str(said.status) in submission.detail


@pytest.mark.parametrize("harm", [harm for harm in Harm if harm not in (Harm.SLOW, Harm.TOO_MANY)])
@pytest.mark.parametrize(("moment", "paid"), [("before", 0), ("after", 1)])
def test_a_broken_answer_is_lost_whether_or_not_the_work_was_done(sandbox: Sandbox, harm: Harm, moment: str, paid: int) -> None:
    sandbox.set_faults({"on": "create_replica", "kind": harm, "moment": moment, "seconds": 0.05})
    with performing(sandbox.url) as performer:
        assert isinstance(performer.perform(submit()), SubmissionLost)
    assert asked_of(sandbox) == {"create_replica": 1}
    assert sandbox.ledger()["trainings"]["charged"] == paid


def test_a_silent_line_is_lost_in_time(sandbox: Sandbox) -> None:
    sandbox.set_faults({"on": "create_replica", "kind": "hang", "moment": "after", "seconds": 30})
    with performing(sandbox.url, SHORT) as performer:
        assert isinstance(performer.perform(submit()), SubmissionLost)
    until(lambda: sandbox.ledger()["trainings"]["charged"] == 1)
    assert sandbox.ledger()["trainings"]["charged"] == 1


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 410, 413, 422, 429, 451])
@pytest.mark.parametrize("key", ["error", "message"])
def test_a_word_of_tavus_that_says_no_is_refused(status: int, key: str) -> None:
    submission, conversation = told(
        Said(status, {key: "no, thanks", "replica_id": "r1", "conversation_id": "c1", "conversation_url": "a"}, {"Retry-After": "7"})
    )
    detail, later = f"Tavus answers {status}: no, thanks", timedelta(seconds=7)
    assert submission == SubmissionRefused(MARK, REFUSED.get(status, Failure.SUBMISSION_REFUSED), detail, later)
    # A 403 to a conversation may be about its persona: it must not stop the whole account.
    blamed = {} if status == 403 else REFUSED
    assert conversation == ConversationRefused(TALK, blamed.get(status, Failure.CONVERSATION_REFUSED), detail, later)


@pytest.mark.parametrize("content", [PAGE_OF_HTML, b"", b"slow down"])
def test_later_is_later_from_whoever_says_when(content: bytes) -> None:
    submission, conversation = told(Said(429, content, {"Retry-After": "120"}))
    assert isinstance(submission, SubmissionRefused)
    assert isinstance(conversation, ConversationRefused)
    assert (submission.failure, submission.retry_after) == (Failure.RATE_LIMITED, timedelta(minutes=2))
    assert (conversation.failure, conversation.retry_after) == (Failure.RATE_LIMITED, timedelta(minutes=2))


def test_a_refusal_names_the_picture_when_that_is_its_reason_and_a_conversations_never_does() -> None:
    submission, conversation = told(Said(400, {"error": "HeadphonesError", "custom_greeting": "violates community guidelines"}))
    assert isinstance(submission, SubmissionRefused)
    assert isinstance(conversation, ConversationRefused)
    assert submission.failure is Failure.COMMUNITY_GUIDELINES_VIOLATION
    assert conversation.failure is Failure.CONVERSATION_REFUSED


@pytest.mark.parametrize(
    ("key", "fields", "failure"),
    [
        (KEY, {"train_image_url": ""}, Failure.SUBMISSION_REFUSED),
        (KEY, {"voice_name": "nobody"}, Failure.SUBMISSION_REFUSED),
        ("invalid", {}, Failure.KEY_REJECTED),
        ("broke", {}, Failure.OUT_OF_CREDIT),
    ],
)
def test_the_sandbox_refuses_a_submission(sandbox: Sandbox, key: str, fields: dict[str, str], failure: Failure) -> None:
    with performing(sandbox.url, key=key) as performer:
        news = performer.perform(submit(body(**fields)))
    assert isinstance(news, SubmissionRefused)
    assert news.failure is failure
    assert sandbox.ledger()["trainings"]["charged"] == 0


def test_too_many_requests_are_refused_until_later(sandbox: Sandbox, performer: Performer) -> None:
    sandbox.set_faults({"kind": "429", "times": 1, "retry_after": 3})
    news = performer.perform(submit())
    assert isinstance(news, SubmissionRefused)
    assert (news.failure, news.retry_after) == (Failure.RATE_LIMITED, timedelta(seconds=3))
    assert isinstance(performer.perform(submit()), SubmissionAccepted)


def test_the_sandbox_refuses_a_conversation(sandbox: Sandbox, performer: Performer) -> None:
    one = train(performer.tavus, sandbox)
    unready = performer.perform(open_with(one))
    sandbox.advance(timedelta(hours=6))
    sandbox.account(KEY, max_conversations=0)
    full = performer.perform(open_with(one))
    sandbox.account(KEY, max_conversations=1, conversation_credits=0)
    broke = performer.perform(open_with(one))
    assert [type(news) for news in (unready, full, broke)] == [ConversationRefused] * 3
    assert [getattr(news, "failure", None) for news in (unready, full, broke)] == [
        Failure.CONVERSATION_REFUSED,
        Failure.CONVERSATIONS_FULL,
        Failure.OUT_OF_CREDIT,
    ]


def test_what_was_never_sent_is_refused() -> None:
    with Scripted(Said()) as server:
        url = server.url
    with performing(url) as performer:
        news = performer.perform(submit())
    assert isinstance(news, SubmissionRefused)
    assert news.failure is Failure.UNREACHABLE
    assert "refused" in news.detail


def test_without_a_key_the_account_is_to_blame_and_nothing_is_sent(sandbox: Sandbox) -> None:
    with performing(sandbox.url, key=None) as performer:
        submission, conversation = performer.perform(submit()), performer.perform(open_with("r1"))
    assert isinstance(submission, SubmissionRefused)
    assert isinstance(conversation, ConversationRefused)
    assert {submission.failure, conversation.failure} == {Failure.KEY_REJECTED}
    assert asked_of(sandbox) == {}


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (NotSent("no key", keyless=True), Failure.KEY_REJECTED),
        (NotSent("no line"), None),
        (Cut("cut"), None),
        (Answer(401, {"message": "Invalid access token"}), Failure.KEY_REJECTED),
        (Answer(402, {"message": "Payment required"}), Failure.OUT_OF_CREDIT),
        (Answer(403, {"message": "Forbidden"}), None),
        (Answer(401, None, b"<html>"), None),
        (Answer(401, "no", b"no"), None),
        (Answer(500, {"message": "no"}), None),
    ],
)
def test_a_question_blames_the_account_only_when_tavus_says_so(reply: Reply, fault: Failure | None) -> None:
    assert fault_of(reply) is fault


@pytest.mark.parametrize(
    ("reply", "unknown"),
    [
        (Answer(404, {"message": "Not Found"}), True),
        (Answer(400, {"error": "Invalid replica_id"}), True),
        (Answer(400, {"error": "Invalid face_id"}), True),
        (Answer(400, {"message": "Invalid replica_uuid"}), True),
        (Answer(400, {"error": "Invalid JSON"}), False),
        (Answer(404, None, b"<html>Not Found</html>"), False),
        (Answer(404, 404, b"404"), False),
        (Answer(500, {"error": "Invalid replica_id"}), False),
        (Answer(200, {"error": "Invalid replica_id"}), False),
        (Cut("404"), False),
        (NotSent("404"), False),
    ],
)
def test_only_tavus_can_say_that_there_is_no_such_replica(reply: Reply, *, unknown: bool) -> None:
    assert says_unknown(reply) is unknown
