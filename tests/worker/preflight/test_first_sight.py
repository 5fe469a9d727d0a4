"""What the door passes at first sight is what a full look would pass: the short way is only ever for addresses about which nobody could differ."""

import re
import sys
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from worker import preflight
from worker.guarded import is_odd
from worker.preflight import Limits, Preflight
from worker.presigned import ExpiryUnreadableError, expires_by

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
HOSTS = some.sampled_from(
    ["pictures.example", "a-b.c1.example", "EXAMPLE.org", "10.0.0.7", "1.2.3.4a", "a.0x7f", "localhost", "x..example", "-a.example", "a-.example",
     "[::1]", "user@a.example", "a.example:443", "a.example:99999", "a.example:", "xn--nxasmq6b.example", f"{'a' * 64}.example",
     f"{'a.' * 130}example", "\u24d4xample.com", "a_b.example", "a.example.", "a.ex_ample", "example"],
)  # fmt: skip
TAILS = some.one_of(
    some.sampled_from(
        ["", "/", "/a.jpg", "?", "#", "/a b", "/\\", "/\u00a0", "/\n", "/\ud800", "/a?b=#c", "//evil", "/%zz", "/\N{SNOWMAN}", "\\@evil"]
    ),
    some.text(max_size=20),
)
SIGNED = some.sampled_from(
    ["X-Amz-Date=20261101T000000Z&X-Amz-Expires=604800", "X-Amz-Date=20261101T000000Z&X-Amz-Expires=60", "X-Amz-Expires=9", "Expires=1&Signature=x",
     "se=2026-11-09&sig=a", "se=soon&sig=a", "X-Amz-Date=2026111T000000Z&X-Amz-Expires=604800", "X%2DAmz-Expires=60", ""],
)  # fmt: skip


@given(some.sampled_from(["https://", "http://", "HTTPS://", "https:", ""]), HOSTS, TAILS, SIGNED)
@example("https://", "pictures.example", "/a.jpg", "")
def test_no_address_passes_at_first_sight_that_a_full_look_would_refuse(scheme: str, host: str, tail: str, signed: str) -> None:
    address = f"{scheme}{host}{tail}{'&' if '?' in tail else '?'}{signed}"
    door = Preflight(Limits())
    told = door.problem_of("train_image_url", address, NOW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preflight, "_PLAIN", re.compile(r"(?!)"))  # nothing is plain: every address has the full look
        assert door.problem_of("train_image_url", address, NOW) == told


def test_plain_addresses_take_the_short_way() -> None:
    for address in ("https://pictures.example", "https://b.s3.eu-central-1.amazonaws.com/a/b.jpg?X=1", "https://a.example#there"):
        assert preflight._PLAIN.fullmatch(address)


def test_every_character_is_judged_as_it_was_one_by_one() -> None:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        by_itself = character.isspace() or not character.isprintable() or character == "\\"
        assert is_odd(character) == by_itself, hex(code)


@given(some.text(alphabet="aeEsS=&%+25;xX-", max_size=30), SIGNED, some.text(alphabet="=&%+25;", max_size=6))
def test_a_query_is_read_as_the_standard_library_reads_it(before: str, signed: str, after: str) -> None:
    query = f"{before}&{signed}{after}"
    full = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in parse_qsl(query, keep_blank_values=True))
    assert _expiry(query) == _expiry(full)


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _expiry(query: str) -> object:
    try:
        return expires_by(query)
    except ExpiryUnreadableError:
        return ExpiryUnreadableError


def test_a_life_is_asked_for_on_the_short_way_too() -> None:
    door, signed = Preflight(Limits()), NOW - timedelta(hours=1)
    for hours, passes in ((26, True), (24, False)):
        address = f"https://b.example/a.jpg?X-Amz-Date={signed:%Y%m%dT%H%M%SZ}&X-Amz-Expires={hours * 3600}"
        assert (door.problem_of("train_image_url", address, NOW) is None) is passes
