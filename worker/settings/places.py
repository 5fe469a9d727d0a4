"""The settings of where things are: Tavus, the broker, the ledger, this API; and of the secrets that go with them. They may not hold a duration."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings

from worker import brokers
from worker.settings.forms import EncryptionKeys, WebAddress, address_like, keys_in

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def _readable(url: str) -> str:
    """A broker's address that makes sense as a whole."""
    try:
        brokers.read(url)
    except ValueError as error:
        message = f"an address of a broker that {error}"
        raise ValueError(message) from None
    return url


class Places(BaseSettings):
    """Where things are."""

    accounts: dict[str, SecretStr] = Field(
        default_factory=dict, description="TAVUS_API_KEY, and TAVUS_API_KEY__<ACCOUNT> for more accounts by name."
    )
    tavus_url: WebAddress = Field(
        "https://tavusapi.com/v2", validation_alias="TAVUS_PUBLIC_API_BASE_URL", description="Tavus' address, with /v2."
    )
    # Neither shows in `repr`: both addresses usually hold a password.
    redis_url: Annotated[str, address_like(r"[a-z+]+://.", "redis://host:6379/0"), AfterValidator(_readable)] = Field(
        "redis://127.0.0.1:6379/0",
        validation_alias="REDIS_URL",
        repr=False,
        description="The broker: redis://, rediss:// (TLS), sentinel:// or amqp:// (RabbitMQ). Unset, `replicas run` starts its own.",
    )
    pace_url: Annotated[
        str, address_like(r"(redis|rediss|sentinel|redis\+socket)://.", "redis://host:6379/0"), AfterValidator(_readable)
    ] = Field(
        "",
        repr=False,
        description="The Redis in which all processes count what they send to Tavus together. Unset: the broker, if it is one.",
    )
    database_url: Annotated[
        str, address_like(r"(sqlite:///(?!:memory:).|postgres(ql)?(\+\w+)?://)", "postgresql://user:password@host/name")
    ] = Field(
        "", validation_alias="DATABASE_URL", repr=False, description="The ledger: postgresql://... Unset: SQLite under REPLICAS_HOME."
    )
    home: Path = Field(Path("var"), description="Where the embedded parts keep their data.")
    host: str = Field("127.0.0.1", description="The address that the API and Flower listen on.")
    port: int = Field(8000, ge=1, le=65535, description="The API's port.")
    flower_port: int = Field(5555, ge=1, le=65535, validation_alias="FLOWER_PORT", description="Flower's port.")
    public_url: WebAddress | None = Field(
        None, description="Where Tavus and visitors of links reach this API. Unset: no callbacks, polls alone."
    )
    secret: SecretStr | None = Field(
        None, description="Signs callback tokens and links to conversations; needed with REPLICAS_PUBLIC_URL, the same for every process."
    )
    encryption_key: EncryptionKeys | None = Field(
        None,
        description="Seals requests, URLs and signing secrets in the ledger: a Fernet key, or several, comma-separated. The first seals, each opens.",
    )

    @property
    def reached_at(self) -> str | None:
        """Where others than this host reach the API: whoever forwards callbacks to it forwards the rest of it too. None: nowhere."""
        if self.host not in _LOOPBACK:
            return self.host
        return self.public_url if self.public_url is not None and urlsplit(self.public_url).hostname not in _LOOPBACK else None

    @property
    def counters_url(self) -> str:
        """Where all processes count together."""
        return self.pace_url or self.redis_url

    @property
    def public_address(self) -> str | None:
        """Where people reach the API: as the setting says, or on this host alone; None when nobody can tell."""
        own = f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"
        return self.public_url or (own if self.host in _LOOPBACK else None)

    @property
    def ledger_url(self) -> str:
        """The database's SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'ledger.db'}"

    @property
    def encryption_keys(self) -> tuple[str, ...]:
        """The keys of the ledger's secrets, the newest first."""
        return keys_in(self.encryption_key) if self.encryption_key else ()
