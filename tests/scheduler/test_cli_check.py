"""`replicas check` says what speaks against a picture, wherever it lies, and needs neither a ledger nor a key."""

import json
import sys
from pathlib import Path

import pytest

from scheduler.cli import check as command
from tests.sandbox.server import Sandbox
from tests.scheduler.commands import Commands
from tests.worker.vision.portraits import BAD, PORTRAIT
from worker.app import make_app
from worker.assembly import assemble
from worker.settings import Settings, SettingsError

SECRET = "S3CRET"  # noqa: S105 - it opens nothing


@pytest.fixture
def replicas(tmp_path: Path) -> Commands:
    return Commands(tmp_path, {})


def test_a_good_picture_in_a_file_passes(replicas: Commands) -> None:
    said = replicas("check", str(PORTRAIT))
    assert (said.status, said.out.strip(), said.err) == (0, "It would be submitted.", "")
    assert list(replicas.home.iterdir()) == [], "nothing is kept"


def test_each_finding_is_said_as_advice_or_as_a_refusal(replicas: Commands) -> None:
    file = replicas.home / "cut.jpg"
    file.write_bytes(BAD["without its crown"][0]())
    advised = replicas("check", str(file))
    assert advised.status == 0
    assert "cut off at the top" in advised.out
    refused = json.loads(replicas("check", str(file), "--json", REPLICAS_VISION="require").out)
    assert (refused["passes"], refused["failure"], refused["looked"]) == (False, "likely_rejected", True)
    assert "cut off at the top" in refused["findings"][0]


def test_an_address_is_looked_at_as_it_would_be_before_it_is_paid_for(replicas: Commands) -> None:
    with Sandbox() as sandbox:
        address = f"{sandbox.origin}/small.jpg?token={SECRET}"
        kept_out = replicas("check", address)
        assert kept_out.status == 1
        assert "url_not_allowed" in kept_out.out
        small = replicas("check", address, REPLICAS_ALLOW_HTTP="true", REPLICAS_ALLOW_PRIVATE_ADDRESSES="true")
    assert (small.status, "image_too_small" in small.out) == (1, True)
    assert SECRET not in kept_out.out + small.out


def test_what_is_no_picture_and_what_is_not_there_are_told(replicas: Commands) -> None:
    (replicas.home / "a.jpg").write_bytes(b"GIF89a")
    assert "a GIF" in replicas("check", str(replicas.home / "a.jpg")).out
    missing = replicas("check", str(replicas.home / "b.jpg"))
    assert missing.status == 1
    assert "No such file" in missing.err


def test_without_the_extra_it_says_that_nobody_has_looked(replicas: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)
    said = replicas("check", str(PORTRAIT))
    assert said.status == 0
    assert command._NOT_LOOKED in said.out


def test_a_setting_that_needs_the_extra_stops_the_program_without_it(replicas: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)
    settings = Settings(home=replicas.home, vision="advise")
    with pytest.raises(SettingsError, match=r"REPLICAS_VISION: .*'\.\[vision\]'"):
        assemble(settings, make_app(settings))
