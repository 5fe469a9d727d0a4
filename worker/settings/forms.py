"""The forms that settings have: durations, addresses, keys. They may not repeat what they refuse, for it may be a secret, nor use it."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from worker.durations import parse_duration

_FERNET_KEY = re.compile(r"[A-Za-z0-9_-]{43}=")


def address_like(shape: str, example: str) -> AfterValidator:
    """An address that looks like `example`. Its text is not repeated when it is wrong: it may hold a password."""

    def check(text: str) -> str:
        if text and not re.match(shape, text):
            message = f"must be an address like {example}"
            raise ValueError(message)
        return text

    return AfterValidator(check)


def keys_in(secret: SecretStr) -> tuple[str, ...]:
    """The keys, in their order."""
    return tuple(key.strip() for key in secret.get_secret_value().split(","))


def _encryption_keys(secret: SecretStr) -> SecretStr:
    """One or several, as `Fernet.generate_key()` makes them. Not made into Fernets here: that would load a library that nobody may need."""
    if not all(_FERNET_KEY.fullmatch(key) for key in keys_in(secret)):
        message = "must be a Fernet key (32 bytes in URL-safe base64, 44 characters), or several of them, comma-separated"
        raise ValueError(f"{message}; this makes one: openssl rand -base64 32 | tr +/ -_")
    return secret


Duration = Annotated[
    timedelta, BeforeValidator(lambda value: parse_duration(value) if isinstance(value, str) else value), Field(gt=timedelta(0))
]
WebAddress = Annotated[str, address_like(r"https?://[^/]", "https://replicas.example.com"), AfterValidator(lambda text: text.rstrip("/"))]
EncryptionKeys = Annotated[SecretStr, AfterValidator(_encryption_keys)]
