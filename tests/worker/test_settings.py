"""Settings come from the environment over `.env`, wrong ones stop the program with their names, and no secret is ever repeated."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr, ValidationError

from worker.core.rules import Rules
from worker.settings import Settings, SettingsError, environment, read_settings

OURS = ("REPLICAS_", "TAVUS_", "REDIS_", "DATABASE_", "FLOWER_")
KEY = "a-key-that-nobody-may-see"
Given = Callable[..., None]


@pytest.fixture(autouse=True)
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Given:
    """Call it to set variables. Before, there are none of ours, and no `.env`."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in environment() if name.upper().startswith(OURS)]:
        monkeypatch.delenv(name)

    def give(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return give


def refused() -> str:
    with pytest.raises(SettingsError) as error:
        read_settings()
    return str(error.value)


def keys() -> dict[str, str]:
    return {name: key.get_secret_value() for name, key in read_settings().accounts.items()}


def test_with_nothing_set_everything_has_its_default(tmp_path: Path) -> None:
    settings = read_settings()
    assert settings.accounts == {}
    assert settings.tavus_url == "https://tavusapi.com/v2"
    assert settings.ledger_url == f"sqlite:///{tmp_path}/var/ledger.db"
    assert settings.host == "127.0.0.1"
    assert settings.rules() == Rules()


def test_each_setting_is_read_from_the_variable_that_is_told(given: Given) -> None:
    given(REPLICAS_SETTLE_TIME="45m", REPLICAS_PORT="80", FLOWER_PORT="81", REDIS_URL="redis://r/1", DATABASE_URL="postgresql://d/n")
    given(TAVUS_PUBLIC_API_BASE_URL="http://127.0.0.1:9/v2/", REPLICAS_ALLOW_HTTP="true", REPLICAS_HTTP_TIMEOUT="0.5s")
    settings = read_settings()
    assert (settings.port, settings.flower_port, settings.allow_http) == (80, 81, True)
    assert (settings.redis_url, settings.ledger_url) == ("redis://r/1", "postgresql://d/n")
    assert settings.tavus_url == "http://127.0.0.1:9/v2"
    assert settings.http_timeout == timedelta(seconds=0.5)
    assert settings.rules() == Rules(settle_time=timedelta(minutes=45))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REPLICAS_LEASE", "90"), ("REPLICAS_LEASE", "0s"), ("REPLICAS_REFUND_HOLD", "9999999999d"), ("REPLICAS_SWEEP_INTERVAL", "often"),
        ("REPLICAS_PORT", "0"), ("REPLICAS_PORT", "http"), ("FLOWER_PORT", "65536"), ("REPLICAS_POLL_BATCH", "101"), ("REPLICAS_THREADS", "0"),
        ("REPLICAS_MAX_PAID_ATTEMPTS", "0"), ("REPLICAS_POLL_WORTH", "nan"), ("REPLICAS_POLL_WORTH", "-1"), ("REPLICAS_ALLOW_HTTP", "perhaps"),
        ("TAVUS_PUBLIC_API_BASE_URL", "tavusapi.com"), ("REDIS_URL", "localhost:6379"), ("DATABASE_URL", "mysql://u:p@h/n"),
        ("DATABASE_URL", "sqlite:///:memory:"), ("REPLICAS_PUBLIC_URL", "replicas.example.com"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_the_name_of_its_variable(given: Given, name: str, value: str) -> None:
    given(**{name: value})
    assert refused().startswith(f"{name}: ")


def test_everything_that_is_wrong_is_named_at_once(given: Given) -> None:
    given(REPLICAS_LEASE="soon", REPLICAS_PORT="0", REPLICAS_LEESE="1s", replicas_leese="2s")
    text = refused()
    assert all(name in text for name in ("REPLICAS_LEASE: ", "REPLICAS_PORT: ", "no such setting: REPLICAS_LEESE, replicas_leese;"))


@pytest.mark.parametrize("name", ["REPLICAS_NOTHING", "REPLICAS_ACCOUNTS", "REPLICAS_REDIS_URL", "REPLICAS_LEDGER_URL", "REPLICAS_"])
def test_a_variable_of_ours_that_no_setting_is_read_from_is_refused(given: Given, name: str) -> None:
    given(**{name: "{}"})
    assert f"no such setting: {name};" in refused()


def test_an_unknown_variable_in_the_file_is_refused_as_well() -> None:
    Path(".env").write_text("REPLICAS_LEESE=1s\n")
    assert "no such setting: REPLICAS_LEESE;" in refused()


@pytest.mark.parametrize(
    ("wrong", "lower", "upper"),
    [
        ({"REPLICAS_HTTP_TIMEOUT": "75s"}, "REPLICAS_HTTP_TIMEOUT", "REPLICAS_TASK_LIMIT"),
        ({"REPLICAS_TASK_LIMIT": "90s"}, "REPLICAS_TASK_LIMIT", "REPLICAS_LEASE"),
        ({"REPLICAS_LEASE": "2m"}, "REPLICAS_LEASE", "REPLICAS_VISIBILITY_TIMEOUT"),
        ({"REPLICAS_SETTLE_TIME": "30s"}, "REPLICAS_SETTLE_TIME must be longer", "REPLICAS_HTTP_TIMEOUT"),
    ],
)
def test_a_ladder_with_a_broken_rung_is_refused_with_both_names(given: Given, wrong: dict[str, str], lower: str, upper: str) -> None:
    given(**wrong)
    assert lower in refused()
    assert upper in refused()


def test_every_broken_rung_is_named(given: Given) -> None:
    given(REPLICAS_HTTP_TIMEOUT="10m", REPLICAS_TASK_LIMIT="9m", REPLICAS_LEASE="8m", REPLICAS_SETTLE_TIME="7m")
    assert refused().count("must be") == 4


def test_what_must_not_be_open_to_everybody_needs_a_secret(given: Given) -> None:
    given(REPLICAS_HOST="0.0.0.0", REPLICAS_PUBLIC_URL="https://replicas.example.com/")  # noqa: S104 - that is the point
    assert "REPLICAS_SECRET is needed" in refused()
    given(REPLICAS_SECRET="s")  # noqa: S106 - an example
    assert read_settings().public_url == "https://replicas.example.com"


def test_who_forwards_callbacks_forwards_the_api_too_so_it_is_reached_from_there(given: Given) -> None:
    assert read_settings().reached_at is None
    given(REPLICAS_PUBLIC_URL="https://replicas.example.com", REPLICAS_SECRET="s")  # noqa: S106 - an example
    assert read_settings().reached_at == "https://replicas.example.com"
    given(REPLICAS_HOST="10.0.0.7")
    assert read_settings().reached_at == "10.0.0.7"
    given(REPLICAS_HOST="localhost", REPLICAS_PUBLIC_URL="http://127.0.0.1:8000")
    assert read_settings().reached_at is None


def test_each_key_is_an_account_by_the_name_after_it(given: Given) -> None:
    given(
        TAVUS_API_KEY="one", TAVUS_API_KEY__STUDIO="two", TAVUS_API_KEY__EAST_WING=" three\n", TAVUS_API_KEY__NONE="", TAVUS_API_KEYS="no"
    )
    assert keys() == {"default": "one", "studio": "two", "east_wing": "three"}


@pytest.mark.parametrize(
    "names", [("TAVUS_API_KEY", "TAVUS_API_KEY__DEFAULT"), ("TAVUS_API_KEY__A", "TAVUS_API_KEY__a"), ("TAVUS_API_KEY__",)]
)
def test_a_key_whose_account_is_in_doubt_is_refused(given: Given, names: tuple[str, ...]) -> None:
    given(**dict.fromkeys(names, KEY))
    text = refused()
    assert any(text.startswith(f"{name}: ") for name in names)
    assert KEY not in text


def test_the_file_is_read_and_the_environment_wins(given: Given) -> None:
    Path(".env").write_text("TAVUS_API_KEY=filed\nTAVUS_API_KEY__STUDIO='filed too'\nREPLICAS_LEASE=80s\nREPLICAS_PORT=81\nOTHER=1\n")
    given(TAVUS_API_KEY="set", REPLICAS_PORT="82")
    settings = read_settings()
    assert (settings.lease, settings.port) == (timedelta(seconds=80), 82)
    assert keys() == {"default": "set", "studio": "filed too"}
    assert (environment()["REPLICAS_PORT"], environment()["OTHER"]) == ("82", "1")


def test_an_empty_variable_is_one_that_is_not_set(given: Given) -> None:
    Path(".env").write_text("TAVUS_API_KEY=filed\nREPLICAS_LEASE=80s\nREPLICAS_SECRET=\n")
    given(TAVUS_API_KEY="", REPLICAS_LEASE="", REPLICAS_PORT="", REPLICAS_PUBLIC_URL="", DATABASE_URL="")
    settings = read_settings()
    assert (settings.lease, settings.port, settings.public_url, settings.secret) == (timedelta(seconds=80), 8000, None, None)
    assert settings.ledger_url.startswith("sqlite:///")
    assert keys() == {"default": "filed"}


def test_settings_cannot_be_changed_once_they_are_read() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        read_settings().port = 1  # type: ignore[misc]  # that is the point


def test_no_secret_is_shown_with_the_settings(given: Given) -> None:
    given(
        TAVUS_API_KEY=KEY,
        REPLICAS_SECRET=KEY,
        REPLICAS_API_TOKEN=KEY,
        REDIS_URL=f"redis://:{KEY}@r/0",
        DATABASE_URL=f"postgresql://u:{KEY}@d/n",
    )
    settings = read_settings()
    assert all(KEY not in shown for shown in (repr(settings), str(settings), f"{settings}", repr(settings.accounts)))


@pytest.mark.parametrize(
    "wrong", [{"REPLICAS_LEASE": "1s"}, {"REPLICAS_PORT": "x"}, {"REDIS_URL": KEY}, {"DATABASE_URL": f"mysql://u:{KEY}@d/n"}]
)
def test_no_secret_is_repeated_when_something_else_is_wrong(given: Given, wrong: dict[str, str]) -> None:
    given(TAVUS_API_KEY=KEY, REPLICAS_SECRET=KEY, REPLICAS_API_TOKEN=KEY)
    given(**wrong)
    assert KEY not in refused()
    with pytest.raises(ValidationError) as told:  # those who make their own settings are told more, but not that
        Settings()
    assert KEY not in str(told.value) + repr(told.value)


def test_a_program_may_make_its_own_settings_by_the_names_of_the_fields() -> None:
    settings = Settings(accounts={"mine": SecretStr(KEY)}, redis_url="redis://r/1", lease=timedelta(seconds=80))
    assert (settings.accounts["mine"].get_secret_value(), settings.redis_url, settings.lease) == (KEY, "redis://r/1", timedelta(seconds=80))


def test_encryption_keys_are_read_in_their_order_and_never_shown(given: Given) -> None:
    new, old = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    assert read_settings().encryption_keys == ()
    given(REPLICAS_ENCRYPTION_KEY=f"{new}, {old}")
    settings = read_settings()
    assert settings.encryption_keys == (new, old)
    assert new not in repr(settings)
    assert old not in str(settings)


@pytest.mark.parametrize("wrong", ["too-short", "{good},", "{good};{good}", "{good} x", "{good}{good}", ",", "{good},no-key"])
def test_what_is_no_fernet_key_stops_the_program_and_is_not_repeated(given: Given, wrong: str) -> None:
    good = Fernet.generate_key().decode()
    given(REPLICAS_ENCRYPTION_KEY=wrong.format(good=good))
    told = refused()
    assert "REPLICAS_ENCRYPTION_KEY: must be a Fernet key" in told
    assert "openssl" in told
    assert good not in told
    assert "no-key" not in told
