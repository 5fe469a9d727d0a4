"""All settings together: read, and held against each other. It may not have a field of its own."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import pairwise
from typing import Any, Self

from pydantic import ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from worker.core.polling import Plan
from worker.core.rules import Rules
from worker.settings.doors import Doors
from worker.settings.environment import AccountKeys, SettingsError, environment
from worker.settings.places import Places
from worker.settings.times import Times
from worker.settings.work import Pool, Work

_PREFIX = "REPLICAS_"


class Settings(Work, Times, Doors, Places):
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
        return init_settings, AccountKeys(settings_cls), env_settings, dotenv_settings

    @model_validator(mode="after")
    def _makes_a_working_program(self) -> Self:
        wrong = [*self._broken_rungs(), *self._unsigned_callbacks(), *self._forking_with_an_open_file(), *self._hasty_retention()]
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

    def _hasty_retention(self) -> Iterator[str]:
        if self.retention is not None and self.retention < timedelta(days=1):
            yield f"{_variable('retention')} must be a day at least: what is erased does not come back, and callers may still ask for what is new"

    def _unsigned_callbacks(self) -> Iterator[str]:
        if self.public_url is not None and self.secret is None:
            yield f"{_variable('secret')} is needed with {_variable('public_url')}: it signs the callback tokens"

    def _forking_with_an_open_file(self) -> Iterator[str]:
        """A worker that forks works in its first process while it hears no broker; a child would take that one's locks on the file for its own."""
        if self.brokerless and self.pool is Pool.PREFORK and self.ledger_url.startswith("sqlite"):
            yield f"{_variable('brokerless')} over SQLite needs {_variable('pool')}=threads: no process may fork while it has the file open"

    def rules(self) -> Rules:
        """What the core needs of the settings."""
        return Rules(
            lease=self.lease, settle_time=self.settle_time, refund_hold=self.refund_hold, refund_confirm=self.refund_confirm,
            clean_up_failed=self.clean_up_failed, clean_names=self.clean_names, lookup_patience=self.lookup_patience,
            retry_base=self.retry_base, retry_cap=self.retry_cap, input_patience=self.input_patience,
            paid_retry_delay=self.paid_retry_delay, max_paid_attempts=self.max_paid_attempts, training_deadline=self.training_deadline,
            training_soft_deadline=self.training_soft_deadline,
            missing_confirm=self.missing_confirm, openings_a_day=self.openings_a_day,
            visit_patience=self.visit_patience, plan=Plan(self.training_typical, self.poll_worth),
        )  # fmt: skip


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
