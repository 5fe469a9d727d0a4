"""No secret that was planted in a text survives its redaction, whatever stands around it."""

import json
from collections.abc import Callable
from html import escape
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from worker.redaction import redacted

SECRET = "S3CRETs3cret0123"  # noqa: S105 - it opens nothing
ADDRESS = "https://bucket.s3.example/heads/ann.jpg"

SHAPES = {
    "presigned": f"{ADDRESS}?X-Amz-Signature={SECRET}",
    "any query": f"{ADDRESS}?page={SECRET}",
    "fragment": f"{ADDRESS}#{SECRET}",
    "password": f"postgresql://replicas:{SECRET}@db.example/ledger",
    "password, no user": f"redis://:{SECRET}@broker.example:6379/0",
    "other scheme": f"s3://bucket/ann.jpg?sig={SECRET}",
    "query alone": f"X-Amz-Date=1&X-Amz-Signature={SECRET}",
    "security token": f"X-Amz-Security-Token={SECRET}",
    "google": f"x-goog-signature={SECRET}",
    "azure": f"sig={SECRET}",
    "s3's xml": f"<SignatureProvided>{SECRET}</SignatureProvided>",
    "header": f"x-api-key: {SECRET}",
    "bearer": f"Authorization: Bearer {SECRET}",
    "bearer alone": f"bad header 'Bearer {SECRET}'",
    "basic": f"authorization: basic {SECRET}",
    "repr of a dict": f"{{'x-api-key': '{SECRET}', 'a': 1}}",
    "repr of headers": f"[(b'x-api-key', b'{SECRET}')]",
    "json": f'{{"meeting_token": "{SECRET}"}}',
    "environment": f"TAVUS_API_KEY={SECRET}",
    "environment, by account": f"TAVUS_API_KEY__STUDIO={SECRET}",
    "our own token": f"REPLICAS_API_TOKEN={SECRET}",
    "a secret that signs": f"signed with whsec_{SECRET}+/=",
    "our own secret": f"REPLICAS_SECRET={SECRET}",
    "a caller's token": f"rwt_{SECRET}",
    "callback": f"https://replicas.example/hooks/tavus/rw-mm0000000001-1.{SECRET}",
    "callback's path": f"POST /hooks/tavus/rw-mm0000000001-1.{SECRET} 200",
}
ESCAPES = {
    "plainly": str,
    "as json": json.dumps,
    "as json in json": lambda text: json.dumps(json.dumps(text)),
    "as json of php": lambda text: json.dumps(text).replace("/", "\\/"),
    "as json of gson": lambda text: json.dumps(text).replace("=", "\\u003d").replace("&", "\\u0026"),
    "in a query": lambda text: quote(text, safe=""),
    "in a query of a query": lambda text: quote(quote(text, safe=""), safe=""),
    "in html": escape,
    "in html of handlebars": lambda text: escape(text).replace("=", "&#x3D;").replace("/", "&#x2F;"),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_secret_does_not_show(shape: str) -> None:
    assert SECRET not in redacted(shape)
    assert SECRET not in redacted(f"tried{shape} and failed")


@pytest.mark.parametrize("escaped", ESCAPES.values(), ids=ESCAPES)
@pytest.mark.parametrize("name", ["presigned", "any query", "password", "query alone", "json", "callback's path"])
def test_nor_does_it_when_it_is_escaped(name: str, escaped: Callable[[str], str]) -> None:
    assert SECRET not in redacted(escaped(SHAPES[name]))


_AROUND = st.text(max_size=12) | st.sampled_from(["https://", "sig=", '"', "a_", "7", "\\", " ", "?", "x-api-key", "://", "hooks/tavus/"])


@settings(max_examples=300, deadline=None)
@given(_AROUND, st.sampled_from(sorted(SHAPES.values())), _AROUND)
@example("https://proxy.example/", SHAPES["password"], "")
@example("redirect_", SHAPES["any query"], "")
@example("7", SHAPES["any query"], "")
@example("a" * 40, SHAPES["any query"], "")
def test_nothing_around_it_brings_a_secret_out(before: str, shape: str, after: str) -> None:
    assert SECRET not in redacted(before + shape + after)


_PIECES = st.sampled_from(
    [
        *(f" {shape}" for shape in SHAPES.values()),
        '"',
        "'",
        "\\",
        "\n",
        "sig=",
        "token",
        ": ",
        ", ",
        "https://h.example/a?b",
        "null",
        "}",
        "\u2603",
    ]
)
_TEXTS = st.lists(_PIECES | st.text(max_size=3)).map("".join)
_LINES = st.dictionaries(st.sampled_from(["event", "detail", "token", "x-api-key", "why"]), st.none() | st.booleans() | _TEXTS)


@settings(max_examples=300, deadline=None)
@given(_LINES)
@example({"event": 'read "https://h.example/a?b" again', "why": 'sig=a"b'})
@example({"event": "Invalid access token", "why": "password, token"})
@example({"token": None, "x-api-key": True})
def test_a_line_of_json_stays_one_with_the_same_keys(line: dict[str, object]) -> None:
    shown = redacted(json.dumps(line))
    assert SECRET not in shown
    assert list(json.loads(shown)) == list(line)


@given(st.text())
def test_no_text_makes_it_raise(text: str) -> None:
    redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "Invalid access token",
        "There was an error processing your image. Your entire head should be visible in the frame.",
        "Either train_video_url or train_image_url must be provided.",
        "User has reached maximum concurrent conversations",
        "TAVUS_API_KEY is not set",
        f"could not fetch {ADDRESS}",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


def test_the_rest_of_a_sentence_stays() -> None:
    assert (
        redacted(f"GET {SHAPES['presigned']} answers 403, x-api-key: {SECRET}; again")
        == f"GET {ADDRESS} answers 403, x-api-key: ...; again"
    )
