"""Every setting, read once at the entry point into one frozen object and handed down. Nothing else may read the environment.

Wrong settings stop the program at start with the variable's name. Durations are written `30s`, `3h30m`, `0.5s`.
"""

import os
from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Self

from dotenv import dotenv_values
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from worker.core.polling import Plan
from worker.core.rules import Rules
from worker.durations import parse_duration

DEFAULT_ACCOUNT = "default"
_KEY = "TAVUS_API_KEY"
_PREFIX = "REPLICAS_"
_RULES = Rules()
_PLAN = Plan()

Duration = Annotated[
    timedelta, BeforeValidator(lambda value: parse_duration(value) if isinstance(value, str) else value), Field(gt=timedelta(0))
]


class SettingsError(Exception):
    """The environment does not make a working program; the text names each variable and what is wrong with it."""


class Settings(BaseSettings):
    """One frozen object. Each field is `REPLICAS_<NAME>` in the environment, unless it carries another name that the world knows it by."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_file=".env", extra="ignore", frozen=True, populate_by_name=True)

    accounts: dict[str, SecretStr] = Field(
        default_factory=dict, description="TAVUS_API_KEY, and TAVUS_API_KEY__<ACCOUNT> for more accounts by name."
    )
    tavus_url: str = Field("https://tavusapi.com/v2", validation_alias="TAVUS_PUBLIC_API_BASE_URL", description="Tavus' address, with /v2.")
    redis_url: str = Field(
        "redis://127.0.0.1:6379/0", validation_alias="REDIS_URL", description="The broker. Unset, `replicas run` starts its own."
    )
    database_url: str = Field(
        "", validation_alias="DATABASE_URL", description="The ledger: postgresql://... Unset: SQLite under REPLICAS_HOME."
    )
    home: Path = Field(Path("var"), description="Where the embedded parts keep their data.")
    host: str = Field("127.0.0.1", description="The address that the API and Flower listen on.")
    port: int = Field(8000, ge=1, le=65535, description="The API's port.")
    flower_port: int = Field(5555, ge=1, le=65535, validation_alias="FLOWER_PORT", description="Flower's port.")
    public_url: str | None = Field(None, description="Where Tavus reaches this API for callbacks. Unset: no callbacks, polls alone.")
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
    lease: Duration = Field(_RULES.lease, description="How long a worker may be silent before its job is taken from it.")
    visibility_timeout: Duration = Field(
        timedelta(seconds=120), description="When Redis hands an unacknowledged message to another worker."
    )
    settle_time: Duration = Field(_RULES.settle_time, description="How long a lost submission is looked for before it may be paid again.")
    refund_hold: Duration = Field(_RULES.refund_hold, description="How long a failed replica is kept, so that its refund is safe.")
    training_typical: Duration = Field(_PLAN.typical, description="The usual training time; the poll plan is laid around it.")
    training_deadline: Duration = Field(_RULES.training_deadline, description="When a training counts as overdue and a person is asked.")
    poll_worth: float = Field(_PLAN.worth, gt=0, description="Looks worth paying to know one percent of the typical training sooner.")
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

    threads: int = Field(16, ge=1, description="Tasks at once in a worker process.")
    poll_batch: int = Field(100, ge=1, le=100, description="Replicas asked for in one call; 100 is the most that Tavus' own CLI asks for.")
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
    def _holds_the_ladder(self) -> Self:
        """Each rung must outlast the one below, or a slow call is taken for a dead worker."""
        rungs = ("http_timeout", "task_limit", "lease", "visibility_timeout")
        for lower, upper in pairwise(rungs):
            if getattr(self, lower) >= getattr(self, upper):
                message = f"{_PREFIX}{lower.upper()} must be shorter than {_PREFIX}{upper.upper()}"
                raise ValueError(message)
        if self.settle_time <= self.http_timeout:
            message = (
                f"{_PREFIX}SETTLE_TIME must be longer than {_PREFIX}HTTP_TIMEOUT: a POST could still be on its way when it is given up"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _is_safe_to_serve(self) -> Self:
        if self.public_url is not None and self.secret is None:
            message = f"{_PREFIX}SECRET is needed with {_PREFIX}PUBLIC_URL: it signs the callback tokens"
            raise ValueError(message)
        if self.host not in {"127.0.0.1", "::1", "localhost"} and self.api_token is None:
            message = f"{_PREFIX}API_TOKEN is needed to listen on {self.host}: without it anybody could spend your credits"
            raise ValueError(message)
        return self

    @property
    def ledger_url(self) -> str:
        """The database's SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'ledger.db'}"

    def rules(self) -> Rules:
        """What the core needs of the settings."""
        return Rules(
            lease=self.lease, settle_time=self.settle_time, refund_hold=self.refund_hold, retry_base=self.retry_base, retry_cap=self.retry_cap,
            input_patience=self.input_patience, paid_retry_delay=self.paid_retry_delay, max_paid_attempts=self.max_paid_attempts,
            training_deadline=self.training_deadline, missing_confirm=self.missing_confirm, plan=Plan(self.training_typical, self.poll_worth),
        )  # fmt: skip


class _AccountKeys(PydanticBaseSettingsSource):
    """TAVUS_API_KEY is the account `default`; TAVUS_API_KEY__STUDIO is the account `studio`."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ANN401 - the base class's signature
        """Unused: the source answers as a whole."""
        del field
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Read the keys."""
        found = {name: key for name, key in environment().items() if key and (name == _KEY or name.startswith(f"{_KEY}__"))}
        accounts = {DEFAULT_ACCOUNT if name == _KEY else name.removeprefix(f"{_KEY}__").lower(): key for name, key in found.items()}
        return {"accounts": accounts} if accounts else {}


def environment() -> Mapping[str, str]:
    """The environment over `.env`: what every process of the stack is started with."""
    return {name: value for name, value in dotenv_values(".env").items() if value is not None} | dict(os.environ)


def read_settings() -> Settings:
    """Read the environment. Raises SettingsError with every variable that is wrong, unknown ones of our prefix among them."""
    known = {f"{_PREFIX}{name}".upper() for name in Settings.model_fields}
    unknown = sorted(name for name in environment() if name.startswith(_PREFIX) and name not in known)
    if unknown:
        message = f"no such setting: {', '.join(unknown)}; the README lists them all"
        raise SettingsError(message)
    try:
        return Settings()
    except ValidationError as wrong:
        raise SettingsError("; ".join(_plain(error) for error in wrong.errors(include_url=False, include_input=False))) from None


def _plain(error: Mapping[str, Any]) -> str:
    text = str(error["msg"]).removeprefix("Value error, ")
    where = ".".join(str(part) for part in error["loc"])
    if not where:
        return text
    name = where if where.isupper() else f"{_PREFIX}{where}".upper()
    return f"{name}: {text}"
