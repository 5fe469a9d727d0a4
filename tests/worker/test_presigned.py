"""What presigned addresses say of themselves, vendor by vendor. It may not hold a signature that ever opened anything."""

import base64
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.presigned import ExpiryUnreadableError, expires_at, without_query

HOST = "https://pictures.example/head.jpg?"
EXPIRY = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EPOCH = int(EXPIRY.timestamp())


def policy(document: object) -> str:
    text = document if isinstance(document, str) else json.dumps(document)
    return base64.b64encode(text.encode()).decode().translate(str.maketrans("+=/", "-_~"))


def until(*seconds: object) -> dict[str, object]:
    statements = [{"Resource": "*", "Condition": {"DateLessThan": {"AWS:EpochTime": each}}} for each in seconds]
    return {"Statement": statements}


V4 = (
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20260301%2Feu%2Fs3%2Faws4_request&X-Amz-SignedHeaders=host&X-Amz-Signature=ab"
)
GOOG = "X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=me%40x.iam&X-Goog-SignedHeaders=host&X-Goog-Signature=ab"
SAS = "sv=2024-11-04&sr=b&sp=r&sig=a%2Bb%3D"

READ = {
    "s3 v4": f"{V4}&X-Amz-Date=20260301T120000Z&X-Amz-Expires=86400",
    "s3 v4, lower case": f"{V4}&X-Amz-Date=20260301T120000Z&X-Amz-Expires=86400".lower().replace("t120000z", "T120000Z"),
    "s3 v4, said twice alike": f"{V4}&X-Amz-Date=20260301T120000Z&X-Amz-Expires=86400&x-amz-expires=86400",
    "s3 v2": f"AWSAccessKeyId=AKIA&Expires={EPOCH}&Signature=ab%3D",
    "aliyun": f"OSSAccessKeyId=LTAI&Expires={EPOCH}&Signature=ab",
    "gcs v4": f"{GOOG}&X-Goog-Date=20260301T120000Z&X-Goog-Expires=86400",
    "gcs v2": f"GoogleAccessId=me%40x.iam&Expires={EPOCH}&Signature=ab",
    "azure, full": f"{SAS}&se=2026-03-02T12%3A00%3A00Z",
    "azure, unescaped": f"{SAS}&se=2026-03-02T12:00:00Z",
    "azure, no seconds": f"{SAS}&se=2026-03-02T12:00Z",
    "azure, seven digits": f"{SAS}&se=2026-03-02T12:00:00.0000000Z",
    "azure, zone": f"{SAS}&se=2026-03-02T14%3A00%3A00%2B02%3A00",
    "azure, unescaped plus": f"{SAS}&se=2026-03-02T14:00:00+02:00",
    "azure, no zone": f"{SAS}&se=2026-03-02T12:00:00",
    "cloudfront, canned": f"Expires={EPOCH}&Signature=a-b_&Key-Pair-Id=K2",
    "cloudfront, custom": f"Policy={policy(until(EPOCH))}&Signature=a-b_&Key-Pair-Id=K2",
    "cloudfront, two statements": f"Policy={policy(until(EPOCH + 9, EPOCH))}&Signature=a-b_&Key-Pair-Id=K2",
    "the earliest counts": f"Expires={EPOCH + 9}&Signature=ab&{SAS}&se=2026-03-02T12:00:00Z",
}


@pytest.mark.parametrize("query", READ.values(), ids=READ)
def test_the_expiry_of_each_vendor_is_read(query: str) -> None:
    assert expires_at(HOST + query) == EXPIRY


def test_a_bare_date_of_azure_is_its_midnight() -> None:
    assert expires_at(f"{HOST}{SAS}&se=2026-03-02") == datetime(2026, 3, 2, tzinfo=UTC)


def test_a_relative_expiry_where_an_epoch_is_due_is_long_over() -> None:
    assert expires_at(f"{HOST}Expires=3600&Signature=ab") == datetime(1970, 1, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "v=3",
        "Expires=tomorrow",
        f"expires={EPOCH}&token=x",
        "se=stockholm",
        "policy=all",
        "sig=ab&si=stored-policy",
        V4,
        "X-Amz-Meta=1",
    ],
)
def test_an_address_that_names_no_expiry_has_none(query: str) -> None:
    assert expires_at(HOST + query) is None


UNREADABLE = {
    "s3 v4 without a date": f"{V4}&X-Amz-Expires=86400",
    "s3 v4 without a life": f"{V4}&X-Amz-Date=20260301T120000Z",
    "s3 v4, bad date": f"{V4}&X-Amz-Date=2026-03-01&X-Amz-Expires=86400",
    "s3 v4, no such day": f"{V4}&X-Amz-Date=20260231T120000Z&X-Amz-Expires=86400",
    "s3 v4, word": f"{V4}&X-Amz-Date=20260301T120000Z&X-Amz-Expires=day",
    "s3 v4, negative": f"{V4}&X-Amz-Date=20260301T120000Z&X-Amz-Expires=-1",
    "s3 v4, empty": f"{V4}&X-Amz-Date=20260301T120000Z&X-Amz-Expires=",
    "s3 v4, eternal": f"{V4}&X-Amz-Date=20260301T120000Z&X-Amz-Expires={'9' * 30}",
    "s3 v4, longer than python reads": f"{V4}&X-Amz-Date=20260301T120000Z&X-Amz-Expires={'9' * 5000}",
    "s3 v4, two lives": f"{V4}&X-Amz-Date=20260301T120000Z&X-Amz-Expires=60&X-Amz-Expires=86400",
    "s3 v4, other digits": f"{V4}&X-Amz-Date=20260301T120000Z&X-Amz-Expires={quote('٨٦٤٠٠')}",
    "s3 v2, word": "AWSAccessKeyId=AKIA&Expires=tomorrow&Signature=ab",
    "s3 v2, milliseconds": f"AWSAccessKeyId=AKIA&Expires={EPOCH}000&Signature=ab",
    "s3 v2, empty": "AWSAccessKeyId=AKIA&Expires=&Signature=ab",
    "gcs v4, bad date": f"{GOOG}&X-Goog-Date=now&X-Goog-Expires=86400",
    "azure, word": f"{SAS}&se=tomorrow",
    "azure, before time": f"{SAS}&se=0001-01-01T00:00:00%2B14:00",
    "cloudfront, not base64": "Policy=%25&Signature=ab&Key-Pair-Id=K2",
    "cloudfront, not json": f"Policy={policy('{')}&Signature=ab&Key-Pair-Id=K2",
    "cloudfront, not utf-8": "Policy=gICA&Signature=ab&Key-Pair-Id=K2",
    "cloudfront, a list": f"Policy={policy([])}&Signature=ab&Key-Pair-Id=K2",
    "cloudfront, no statement": f"Policy={policy(until())}&Signature=ab&Key-Pair-Id=K2",
    "cloudfront, no condition": f"Policy={policy({'Statement': [{}]})}&Signature=ab&Key-Pair-Id=K2",
    "cloudfront, a text": f"Policy={policy(until(str(EPOCH)))}&Signature=ab&Key-Pair-Id=K2",
    "cloudfront, true": f"Policy={policy(until(*[True]))}&Signature=ab&Key-Pair-Id=K2",
    "cloudfront, infinity": f"Policy={policy(until(float('inf')))}&Signature=ab&Key-Pair-Id=K2",
    "cloudfront, deep": f"Policy={policy('[' * 99_999)}&Signature=ab&Key-Pair-Id=K2",
}  # fmt: skip


@pytest.mark.parametrize("query", UNREADABLE.values(), ids=UNREADABLE)
def test_a_signed_address_whose_expiry_cannot_be_read_is_an_error_and_not_everlasting(query: str) -> None:
    with pytest.raises(ExpiryUnreadableError):
        expires_at(HOST + query)


moments = st.datetimes(datetime(1971, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC)).map(lambda at: at.replace(microsecond=0))  # noqa: DTZ001 - hypothesis asks for naive bounds


@given(moments, st.integers(0, 10**6))
def test_every_vendors_notation_of_a_moment_is_read_as_that_moment(moment: datetime, life: int) -> None:
    epoch = int(moment.timestamp())
    signed = (moment - timedelta(seconds=life)).strftime("%Y%m%dT%H%M%SZ")
    for query in (
        f"{V4}&X-Amz-Date={signed}&X-Amz-Expires={life}",
        f"{GOOG}&X-Goog-Date={signed}&X-Goog-Expires={life}",
        f"Expires={epoch}&Signature=ab",
        f"{SAS}&se={quote(moment.isoformat())}",
        f"Policy={policy(until(epoch))}&Key-Pair-Id=K",
    ):
        assert expires_at(HOST + query) == moment


words = st.sampled_from(["X-Amz-Date", "X-Amz-Expires", "Expires", "Signature", "se", "sig", "Policy", "Key-Pair-Id", "x-goog-date"])


@given(st.lists(st.tuples(words, st.text(max_size=30))), st.text(max_size=30))
def test_any_query_is_read_or_refused_and_the_refusal_does_not_quote_it(pairs: list[tuple[str, str]], tail: str) -> None:
    query = "&".join(f"{name}={quote(value)}" for name, value in pairs)
    try:
        expires = expires_at(f"{HOST}{query}&{tail}")
    except ExpiryUnreadableError as error:
        assert not [value for _, value in pairs if len(value) > 15 and value in str(error)]  # noqa: PT017 - only what is raised is promised
    else:
        assert expires is None or expires.tzinfo is UTC


@given(st.text())
@example("https://[::1")
@example("http://[v1.x]/?se=1&sig=2")
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        expires_at(text)
    except ExpiryUnreadableError:
        return


SHOWN = {
    "https://pictures.example/a/head.jpg?X-Amz-Signature=s3cr3t": "https://pictures.example/a/head.jpg",
    "https://pictures.example/head.jpg#s3cr3t": "https://pictures.example/head.jpg",
    "https://pictures.example?s3cr3t": "https://pictures.example",
    "https://pictures.example?a=b/s3cr3t@x": "https://pictures.example",
    "https://pictures.example#/s3cr3t": "https://pictures.example",
    "https://ann:s3cr3t@pictures.example:8443/head.jpg": "https://pictures.example:8443/head.jpg",
    "https://s3cr3t@pictures.example/head.jpg": "https://pictures.example/head.jpg",
    "https://ann:s3cr3t@x@pictures.example/head.jpg": "https://pictures.example/head.jpg",
    "https://ann:p/s3cr3t@pictures.example/head.jpg": "https://...",
    "https://ann\\:s3cr3t@pictures.example/head.jpg": "https://ann",
    "https://ann:s3cr3t\\@pictures.example/": "https://...",
    "https://pictures.example/head.jpg%3FX-Amz-Signature=s3cr3t": "https://pictures.example/head.jpg",
    "https://pictures.example/head.jpg%3fsig=s3cr3t": "https://pictures.example/head.jpg",
    "https://pictures.example/head.jpg&sig=s3cr3t": "https://pictures.example/head.jpg",
    "HTTPS://Pictures.example/A.JPG": "https://Pictures.example/A.JPG",
    "https://[2606:4700::1111]:444/a": "https://[2606:4700::1111]:444/a",
    "https://pictures.example/a\r\nb\x1b[31m\u202e": "https://pictures.example/a??b?[31m?",
    "data:image/png;base64,s3cr3t": "(not an address)",
    "ann:s3cr3t@pictures.example": "(not an address)",
    "//ann:s3cr3t@pictures.example/": "(not an address)",
    "": "(not an address)",
    "https://": "https://...",
}


@pytest.mark.parametrize(("url", "shown"), SHOWN.items())
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert without_query(url) == shown


def test_an_address_is_shown_short() -> None:
    assert len(without_query("https://pictures.example/" + "a" * 10_000)) == 200


plain = st.text("abcdefghijklmnopqrstuvwxyz0123456789-._~%/:@?=&+", max_size=12)


@given(plain, plain, plain, plain)
def test_no_secret_is_shown_wherever_it_stands_after_the_path(path: str, before: str, after: str, fragment: str) -> None:
    shown = without_query(f"https://ann:s3cr3t@pictures.example/{path}?{before}s3cr3t{after}#s3cr3t{fragment}")
    assert "s3cr3t" not in shown
    assert shown.startswith("https://pictures.example/")


@given(st.text())
def test_any_text_is_shown_printable_and_short(text: str) -> None:
    shown = without_query(text)
    assert shown.isprintable()
    assert len(shown) <= 200
