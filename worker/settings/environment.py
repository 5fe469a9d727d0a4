"""What every process of the stack is started with: the environment over `.env`, and the accounts' keys in it. It may not judge any setting."""

import os
from collections.abc import Mapping
from typing import Any

from dotenv import dotenv_values
from pydantic_settings import PydanticBaseSettingsSource

DEFAULT_ACCOUNT = "default"
_KEY = "TAVUS_API_KEY"


class SettingsError(Exception):
    """The environment does not make a working program; the text names each variable and what is wrong with it."""


def environment() -> Mapping[str, str]:
    """The environment over `.env`: what every process of the stack is started with. An empty variable does not hide what `.env` says."""
    filed = {name: value for name, value in dotenv_values(".env").items() if value}
    return filed | {name: value for name, value in os.environ.items() if value or name not in filed}


class AccountKeys(PydanticBaseSettingsSource):
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
