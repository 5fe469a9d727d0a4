"""Every setting, read once at the entry point into one frozen object and handed down. Nothing else may read the environment.

Wrong settings stop the program at start with the variable's name. Durations are written `30s`, `3h30m`, `0.5s`.
"""

import os
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from worker.core.polling import Plan
from worker.core.rules import Rules
from worker.durations import parse_duration

DEFAULT_ACCOUNT = "default"
_KEY = "TAVUS_API_KEY"
_PREFIX = "REPLICAS_"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_RULES = Rules()
_PLAN = Plan()


def _address(shape: str, example: str) -> AfterValidator:
    """An address that looks like `example`. Its text is not repeated when it is wrong: it may hold a password."""

    def check(text: str) -> str:
        if text and not re.match(shape, text):
            message = f"must be an address like {example}"
            raise ValueError(message)
        return text

    return AfterValidator(check)


Duration = Annotated[
    timedelta, BeforeValidator(lambda value: parse_duration(value) if isinstance(value, str) else value), Field(gt=timedelta(0))
]
WebAddress = Annotated[str, _address(r"https?://[^/]", "https://replicas.example.com"), AfterValidator(lambda text: text.rstrip("/"))]


class SettingsError(Exception):
    """The environment does not make a working program; the text names each variable and what is wrong with it."""


class Settings(BaseSettings):
    """One frozen object. Each field is `REPLICAS_<NAME>` in the environment, unless it carries another name that the world knows it by."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    accounts: dict[str, SecretStr] = Field(
        default_factory=dict, description="TAVUS_API_KEY, and TAVUS_API_KEY__<ACCOUNT> for more accounts by name."
    )
    tavus_url: WebAddress = Field(
        "https://tavusapi.com/v2", validation_alias="TAVUS_PUBLIC_API_BASE_URL", description="Tavus' address, with /v2."
    )
    # Neither shows in `repr`: both addresses usually hold a password.
    redis_url: Annotated[str, _address(r"[a-z+]+://.", "redis://host:6379/0")] = Field(
        "redis://127.0.0.1:6379/0",
        validation_alias="REDIS_URL",
        repr=False,
        description="The broker. Unset, `replicas run` starts its own.",
    )
    database_url: Annotated[
        str, _address(r"(sqlite:///(?!:memory:).|postgres(ql)?(\+\w+)?://)", "postgresql://user:password@host/name")
    ] = Field(
        "", validation_alias="DATABASE_URL", repr=False, description="The ledger: postgresql://... Unset: SQLite under REPLICAS_HOME."
    )
    home: Path = Field(Path("var"), description="Where the embedded parts keep their data.")
    host: str = Field("127.0.0.1", description="The address that the API and Flower listen on.")
    port: int = Field(8000, ge=1, le=65535, description="The API's port.")
    flower_port: int = Field(5555, ge=1, le=65535, validation_alias="FLOWER_PORT", description="Flower's port.")
    public_url: WebAddress | None = Field(None, description="Where Tavus reaches this API for callbacks. Unset: no callbacks, polls alone.")
    secret: SecretStr | None = Field(
        None, description="Signs callback tokens; needed with REPLICAS_PUBLIC_URL, the same for every process."
    )
    api_token: SecretStr | None = Field(None, description="The bearer token that the API asks for. Needed to listen beyond loopback.")
    model: str = Field(
        "phoenix-4", description="The Phoenix model of requests that name none: pinned, so that a vendor default cannot move it."
    )

    sweep_interval: Duration = Field(
        timedelta(seconds=5), description="How often the ledger is asked for what is due. The price of a lost message."
    )
    http_timeout: Duration = Field(timedelta(seconds=30), description="The longest that a call to Tavus may take, in all.")
    task_limit: Duration = Field(timedelta(seconds=75), description="The longest that a task may run (enforced by Celery's prefork pool).")
    go_on: bool = Field(
        default=True,
        description="Whether a task goes on with what it found, while it is quick; `false` where each queue has workers of its own.",
    )
    lease: Duration = Field(_RULES.lease, description="How long a worker may be silent before its job is taken from it.")
    visibility_timeout: Duration = Field(
        timedelta(seconds=120), description="When Redis hands an unacknowledged message to another worker."
    )
    settle_time: Duration = Field(_RULES.settle_time, description="How long a lost submission is looked for before it may be paid again.")
    refund_hold: Duration = Field(_RULES.refund_hold, description="How long a failed replica is kept, so that its refund is safe.")
    refund_confirm: Duration = Field(
        _RULES.refund_confirm, description="How far apart two looks must both still say error before a failed replica is deleted."
    )
    clean_up_failed: bool = Field(
        default=_RULES.clean_up_failed, description="Delete failed replicas by itself, once their refund is safe: they take a plan's slots."
    )
    clean_names: bool = Field(
        default=_RULES.clean_names,
        description="Rename a replica to the caller's name once its id is on record. Then only the ledger knows whose it is.",
    )
    lookup_patience: Duration = Field(
        _RULES.lookup_patience,
        description="How long the list may be unreadable, while something lost is looked for, before a person is asked.",
    )
    training_typical: Duration = Field(_PLAN.typical, description="The usual training time; the poll plan is laid around it.")
    training_deadline: Duration = Field(_RULES.training_deadline, description="When a training counts as overdue and a person is asked.")
    training_soft_deadline: Duration = Field(
        _RULES.training_soft_deadline, description="When a training counts as late: an alarm, and looks far apart. The job goes on."
    )
    poll_worth: float = Field(
        _PLAN.worth, gt=0, allow_inf_nan=False, description="Looks worth paying to know one percent of the typical training sooner."
    )
    learn_interval: Duration = Field(
        timedelta(minutes=10), description="How often the poll plan learns from finished trainings and callbacks."
    )
    retry_base: Duration = Field(_RULES.retry_base, description="The first wait after a free failure; doubled each time.")
    retry_cap: Duration = Field(_RULES.retry_cap, description="The longest wait between free retries.")
    paid_retry_delay: Duration = Field(_RULES.paid_retry_delay, description="The wait before a submission is paid again.")
    input_patience: Duration = Field(_RULES.input_patience, description="How long the picture's own server may fail.")
    missing_confirm: Duration = Field(
        _RULES.missing_confirm, description="How long Tavus must not know a replica before it counts as vanished."
    )
    max_paid_attempts: int = Field(_RULES.max_paid_attempts, ge=1, description="Submissions that a job may pay for.")
    voices_refresh: Duration = Field(timedelta(hours=1), description="How often the list of stock voices is read.")

    input_timeout: Duration = Field(
        timedelta(seconds=10), description="The longest that fetching a picture for preflight may take, in all."
    )
    url_life: Duration = Field(
        timedelta(hours=24), description="How long a presigned URL must still live (Tavus, Image to Replica, 2026-06)."
    )
    allow_http: bool = Field(default=False, description="Accept http:// inputs as well as https://.")
    allow_private_addresses: bool = Field(
        default=False, description="Accept inputs on private and loopback addresses. For the sandbox only."
    )

    pace_window: Duration = Field(
        timedelta(minutes=1),
        description="The minute of an account's requests: its budget is of any stretch of time as long as this.",
    )
    web_processes: int = Field(1, ge=1, description="Processes of the API. More than one only where one core is not enough for it.")
    threads: int = Field(16, ge=1, description="Tasks at once in a worker process.")
    poll_batch: int = Field(100, ge=1, le=100, description="Replicas asked for in one call; 100 is the most that Tavus' own CLI asks for.")
    ride_along: float = Field(
        0.005,
        ge=0,
        le=1,
        description="How much sooner than it is due a training is asked about when a call has room for it, as a part of the typical training.",
    )
    ring_window: int = Field(
        500, ge=1, description="Messages waiting in a queue before the sweep rings no more: the order is the ledger's, not Redis'."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then `.env`; the accounts' keys from both."""
        del file_secret_settings
        return init_settings, _AccountKeys(settings_cls), env_settings, dotenv_settings

    @model_validator(mode="after")
    def _makes_a_working_program(self) -> Self:
        wrong = [*self._broken_rungs(), *self._open_doors()]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def _broken_rungs(self) -> Iterator[str]:
        """Each rung of the ladder must outlast the one below, or a slow call is taken for a dead worker."""
        for lower, upper in pairwise(("http_timeout", "task_limit", "lease", "visibility_timeout")):
            if getattr(self, lower) >= getattr(self, upper):
                yield f"{_variable(lower)} must be shorter than {_variable(upper)}"
        if self.training_soft_deadline <= self.training_typical:
            yield f"{_variable('training_soft_deadline')} must be longer than {_variable('training_typical')}: else every training is late"
        if self.settle_time <= self.http_timeout:
            longer = f"{_variable('settle_time')} must be longer than {_variable('http_timeout')}"
            yield f"{longer}: a POST could still be on its way when it is given up"

    def _open_doors(self) -> Iterator[str]:
        if self.public_url is not None and self.secret is None:
            yield f"{_variable('secret')} is needed with {_variable('public_url')}: it signs the callback tokens"
        if self.public_url is not None and self.api_token is None and urlsplit(self.public_url).hostname not in _LOOPBACK:
            forwarder = "whoever forwards callbacks to this host forwards the rest of the API too"
            yield f"{_variable('api_token')} is needed with {_variable('public_url')}: {forwarder}"
        if self.host not in _LOOPBACK and self.api_token is None:
            yield f"{_variable('api_token')} is needed to listen on {self.host}: without it anybody could spend your credits"

    @property
    def ledger_url(self) -> str:
        """The database's SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'ledger.db'}"

    def rules(self) -> Rules:
        """What the core needs of the settings."""
        return Rules(
            lease=self.lease, settle_time=self.settle_time, refund_hold=self.refund_hold, refund_confirm=self.refund_confirm,
            clean_up_failed=self.clean_up_failed, clean_names=self.clean_names, lookup_patience=self.lookup_patience,
            retry_base=self.retry_base, retry_cap=self.retry_cap, input_patience=self.input_patience,
            paid_retry_delay=self.paid_retry_delay, max_paid_attempts=self.max_paid_attempts, training_deadline=self.training_deadline,
            training_soft_deadline=self.training_soft_deadline,
            missing_confirm=self.missing_confirm, plan=Plan(self.training_typical, self.poll_worth),
        )  # fmt: skip


class _AccountKeys(PydanticBaseSettingsSource):
    """TAVUS_API_KEY is the account `default`; TAVUS_API_KEY__STUDIO is the account `studio`."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ANN401 - the base class's signature
        """Unused: the source answers as a whole."""
        del field
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Read the keys. Raises SettingsError for two keys of one account, or a key of an account without a name."""
        accounts: dict[str, str] = {}
        for name, text in environment().items():
            if not (key := text.strip()) or not (name == _KEY or name.startswith(f"{_KEY}__")):
                continue
            account = DEFAULT_ACCOUNT if name == _KEY else name.removeprefix(f"{_KEY}__").lower()
            if not account or account in accounts:
                raise SettingsError(f"{name}: {'two variables name this account' if account else 'the name of the account is missing'}")
            accounts[account] = key
        return {"accounts": accounts} if accounts else {}


def environment() -> Mapping[str, str]:
    """The environment over `.env`: what every process of the stack is started with. An empty variable does not hide what `.env` says."""
    filed = {name: value for name, value in dotenv_values(".env").items() if value}
    return filed | {name: value for name, value in os.environ.items() if value or name not in filed}


def read_settings() -> Settings:
    """Read the environment. Raises SettingsError with every variable that is wrong, unknown ones of our prefix among them."""
    known = {_variable(name) for name in Settings.model_fields} - {_variable("accounts")}
    unknown = sorted(name for name in environment() if name.upper().startswith(_PREFIX) and name.upper() not in known)
    wrong = [f"no such setting: {', '.join(unknown)}; the README lists them all"] if unknown else []
    try:
        settings = Settings()
    except ValidationError as error:
        wrong += [_plain(part) for part in error.errors(include_url=False, include_input=False)]
    if wrong:
        raise SettingsError("; ".join(wrong))
    return settings


def _variable(field: str) -> str:
    """The variable that a field is read from."""
    return str(Settings.model_fields[field].validation_alias or f"{_PREFIX}{field}".upper())


def _plain(error: Mapping[str, Any]) -> str:
    text = str(error["msg"]).removeprefix("Value error, ")
    field = str(error["loc"][0]) if error["loc"] else ""
    return f"{_variable(field) if field in Settings.model_fields else field}: {text}" if field else text
