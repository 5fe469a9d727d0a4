"""`replicas tokens`: made and shown once, listed without it, revoked for ever; a name that could mean somebody else is refused."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.tokens import digest_of
from tests.broker import Broker
from tests.scheduler.commands import Commands, commands_in
from worker.assembly import Parts
from worker.redaction import redacted
from worker.store.tokens import Scope

SHAPE = re.compile(r"rwt_[\w-]{43}")  # 43 letters of 64 are the 256 bits of 32 random bytes


@pytest.fixture
def replicas(home: Path, broker: Broker) -> Commands:
    """The command line on the ledger of `parts`."""
    return commands_in(home, broker)


def test_a_token_is_shown_alone_and_once(replicas: Commands, parts: Parts, home: Path) -> None:
    said = replicas("tokens", "make", "shop")
    text = said.out.removesuffix("\n")
    assert (said.status, bool(SHAPE.fullmatch(text))) == (0, True)
    assert "shop may enqueue, read" in said.err
    assert text not in said.err
    found = parts.ledger.tokens.find(digest_of(text.encode()))
    assert found is not None
    assert (found.caller, sorted(found.scopes), found.expires_at) == ("shop", [Scope.ENQUEUE, Scope.READ], None)
    listed = [replicas("tokens", "list").out, replicas("tokens", "list", "--json").out]
    assert not any(text in shown or digest_of(text.encode()) in shown for shown in listed)
    assert all(found.id in shown and "shop" in shown for shown in listed)
    assert not any(text.removeprefix("rwt_").encode() in file.read_bytes() for file in home.iterdir() if file.is_file())
    assert text not in redacted(f"somebody pasted {text} here")


def test_no_two_tokens_are_alike(replicas: Commands) -> None:
    assert len({replicas("tokens", "make", "shop").out for _ in range(3)}) == 3


def test_scopes_an_end_and_a_limit_are_kept(replicas: Commands, parts: Parts) -> None:
    words = ("--scope", "read", "--scope", "operate", "--expires", "90d", "--requests-a-minute", "7", "--json")
    made = json.loads(replicas("tokens", "make", "studio.east-1", *words).out)
    assert SHAPE.fullmatch(made.pop("token"))
    [listed] = json.loads(replicas("tokens", "list", "--json").out)
    assert listed == made
    assert (made["scopes"], made["requests_a_minute"], made["last_used_at"]) == (["operate", "read"], 7, None)
    [token] = parts.ledger.tokens.every()
    assert token.expires_at is not None
    assert abs(token.expires_at - datetime.now(UTC) - timedelta(days=90)) < timedelta(hours=1)
    assert str(token.expires_at)[:10] in replicas("tokens", "list").out


@pytest.mark.parametrize(
    "words",
    [
        ("local",), ("Shop",), ("",), ("a b",), ("x" * 61,), ("-shop",), ("shop", "--expires", "soon"), ("shop", "--expires", "0s"),
        ("shop", "--expires", "99999999999d"), ("shop", "--expires", "9999999d"), ("shop", "--requests-a-minute", "0"),
        ("shop", "--scope", "everything"),
    ],
    ids=lambda words: " ".join(words)[:30],
)  # fmt: skip
def test_what_makes_no_sense_makes_no_token(replicas: Commands, parts: Parts, words: tuple[str, ...]) -> None:
    said = replicas("tokens", "make", *words)
    assert (said.status > 0, said.out) == (True, "")
    assert "Traceback" not in said.err
    assert parts.ledger.tokens.every() == []


def test_a_token_is_revoked_by_its_id_and_a_caller_with_all_of_his(replicas: Commands, parts: Parts) -> None:
    for name in ("shop", "shop", "studio"):
        replicas("tokens", "make", name)
    first, second, _ = parts.ledger.tokens.every()
    assert replicas("tokens", "revoke", first.id).out == f"{first.id} of shop is revoked\n"
    assert replicas("tokens", "revoke", "shop").out == f"{second.id} of shop is revoked\n"
    assert [token.revoked_at is None for token in parts.ledger.tokens.every()] == [False, False, True]
    assert replicas("tokens", "list").out.count("revoked 20") == 2
    for name in ("shop", first.id, "nobody"):
        refused = replicas("tokens", "revoke", name)
        assert (refused.status, refused.out) == (1, "")
        assert "replicas tokens list" in refused.err


def test_without_tokens_the_list_says_how_to_make_one(replicas: Commands) -> None:
    assert "replicas tokens make" in replicas("tokens", "list").out
    assert replicas("tokens", "list", "--json").out == "[]\n"
