"""`replicas reseal` puts a new key in the place of an old one, while everything else goes on."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.broker import Broker
from tests.scheduler.commands import Commands, commands_in
from tests.scheduler.made import PICTURE, SECRET

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def replicas(home: Path, broker: Broker) -> Commands:
    return commands_in(home, broker)


def stored(home: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(home.glob("ledger.db*")))


def test_a_key_is_put_in_the_place_of_another_and_nothing_shows(replicas: Commands, home: Path) -> None:
    assert replicas("enqueue", "--image", PICTURE, "--voice", "anna", "--key", "k", REPLICAS_ENCRYPTION_KEY=OLD).status == 0
    assert SECRET.encode() not in stored(home)
    said = replicas("reseal", REPLICAS_ENCRYPTION_KEY=f"{NEW},{OLD}")
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith("1 rows sealed anew")
    assert replicas("reseal", REPLICAS_ENCRYPTION_KEY=NEW).out.startswith("0 rows")
    again = replicas("enqueue", "--image", PICTURE, "--voice", "anna", "--key", "k", "--json", REPLICAS_ENCRYPTION_KEY=NEW)
    assert again.status == 0, "the same request has its job, whichever key sealed it"


def test_without_a_key_or_without_the_older_one_it_says_which_is_missing(replicas: Commands) -> None:
    replicas("enqueue", "--image", PICTURE, "--voice", "anna", REPLICAS_ENCRYPTION_KEY=OLD)
    for key in ("", NEW):
        said = replicas("reseal", REPLICAS_ENCRYPTION_KEY=key)
        assert (said.status, said.out) == (1, "")
        assert "REPLICAS_ENCRYPTION_KEY" in said.err
        assert "Traceback" not in said.err
