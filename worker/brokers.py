"""The broker's address, as Celery takes it and as redis-py does: a Redis, with TLS or behind Sentinels, or RabbitMQ. It may not connect.

Everything is said by the one address, for every process has to agree on it: with kombu 5.7 the rest of a Sentinel's would be options in code, a
`rediss://` would check no certificate, and an `amqps://` no host's name.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelManagedSSLConnection

_SENTINEL, _RABBITMQ = "sentinel", frozenset({"amqp", "amqps", "pyamqp"})
_SENTINELS_PORT = 26379
_CHECKS = {"required": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE}
_WORDS = {value.name: word for word, value in _CHECKS.items()}  # as Celery's documentation writes them
_OF_SENTINELS = frozenset({"master_name", "sentinel_username", "sentinel_password"})


@dataclass(frozen=True, slots=True)
class Broker:
    """`url`: for Celery. `master`, `sentinels`: behind Sentinels the name of what they watch, and how they themselves are spoken to."""

    url: str = field(repr=False)
    is_rabbitmq: bool = False
    master: str | None = None
    sentinels: Mapping[str, Any] = field(default_factory=dict, repr=False)
    tls: Mapping[str, Any] | None = None
    """Celery's `broker_use_ssl`, where the address itself cannot say it."""

    def options(self, times: Mapping[str, float]) -> dict[str, Any]:
        """Celery's `broker_transport_options`, as far as the address says them, with these for a Redis. kombu 5.7, Redis transport options."""
        if self.is_rabbitmq:
            return {}
        watched = {"master_name": self.master, "sentinel_kwargs": {**times, **self.sentinels}} if self.master else {}
        return {**times, **watched}


def read(url: str) -> Broker:
    """What the address says. Raises ValueError with what is wrong with it, and nothing of it, for it may hold a password."""
    scheme = url.partition("://")[0]
    if scheme == _SENTINEL:
        hosts, base, query = _sentinels(url)
        checks = _tls(query)
        tail = f"?{urlencode(checks)}" if checks else ""
        named = ((f"[{host}]" if ":" in host else host, port) for host, port in hosts)
        whole = ";".join(f"{_SENTINEL}://{base.user}{host}:{port}/{base.path}{tail}" for host, port in named)
        return Broker(whole, master=query["master_name"], sentinels=_to_sentinels(query, checks))
    if scheme in _RABBITMQ:
        return _rabbitmq(url, scheme)
    return Broker(_with_checks(url) if scheme == "rediss" else url)


def redis_at(url: str, **limits: Any) -> Redis:  # noqa: ANN401 - redis-py's own arguments: timeouts, retries
    """A client of the Redis at an address as Celery takes it. Raises ValueError where there is none."""
    if not url.startswith(f"{_SENTINEL}://"):
        return Redis.from_url(plain_address(url), **limits)
    hosts, base, query = _sentinels(url)
    checks, times = _tls(query), {name: value for name, value in limits.items() if name.startswith("socket_")}
    found = Sentinel(hosts, sentinel_kwargs=times | _to_sentinels(query, checks), **base.login)
    secured = {"connection_class": SentinelManagedSSLConnection, **checks} if checks else {}
    client: Redis = found.master_for(query["master_name"], db=int(base.path), **secured, **limits)
    return client


def plain_address(url: str) -> str:
    """Celery's address of a Redis as redis-py writes it: they differ for a socket, and in the words for what TLS checks."""
    parts = urlsplit(url)
    if parts.scheme in {"redis+socket", "rediss+socket"}:
        number = dict(parse_qsl(parts.query)).get("virtual_host", "0")
        return f"unix://{parts.netloc}{unquote(parts.path)}?db={number}"
    return _with_checks(url) if parts.scheme == "rediss" else url


@dataclass(frozen=True, slots=True)
class _Base:
    """What is the same of every Sentinel's address."""

    user: str
    path: str
    login: Mapping[str, str] = field(repr=False)


def _sentinels(url: str) -> tuple[list[tuple[str, int]], _Base, dict[str, str]]:
    """Hosts, what they share, and the query. It may be written once, at any of them, as Celery's own notation has no place for it."""
    parts = [urlsplit(one) for one in url.split(";")]
    if not all(one.scheme == _SENTINEL and one.hostname for one in parts):
        raise ValueError("names Sentinels as sentinel://host:26379;sentinel://other:26379/0?master_name=NAME, each with its host")
    query = {name: value for one in parts for name, value in parse_qsl(one.query)}
    if not query.get("master_name"):
        raise ValueError("says not which server its Sentinels watch: add ?master_name=NAME")
    if foreign := sorted(name for name in query if name not in _OF_SENTINELS and not name.startswith("ssl_")):
        raise ValueError(f"has what Sentinels do not know: {', '.join(foreign)}")
    named = next((one for one in parts if one.username or one.password), parts[0])
    login = {"username": unquote(named.username or ""), "password": unquote(named.password or "")}
    user = f"{quote(login['username'], safe='')}:{quote(login['password'], safe='')}@" if named.username or named.password else ""
    path = next((one.path.strip("/") for one in parts if one.path.strip("/")), "0")
    if not path.isdecimal():
        raise ValueError("names a database that is no number")
    base = _Base(user, path, {name: value for name, value in login.items() if value})
    return [(one.hostname or "", one.port or _SENTINELS_PORT) for one in parts], base, query


def _to_sentinels(query: Mapping[str, str], checks: Mapping[str, str]) -> dict[str, Any]:
    login = {name.removeprefix("sentinel_"): query[name] for name in ("sentinel_username", "sentinel_password") if name in query}
    # One that is down is not tried again for seconds, as redis-py 8 would by itself, while the next one knows the answer.
    return {"retry": Retry(NoBackoff(), 0), **login, **({"ssl": True, **checks} if checks else {})}


def _tls(query: Mapping[str, str]) -> dict[str, Any]:
    """The part that is about TLS, in redis-py's words; empty without it."""
    given: dict[str, Any] = {name: value for name, value in query.items() if name.startswith("ssl_")}
    return given and {**given, "ssl_cert_reqs": _word(given.get("ssl_cert_reqs", "required"))}


def _with_checks(url: str) -> str:
    """A Redis' address that checks the server's certificate, unless it says otherwise."""
    address, _, query = url.partition("?")
    given = dict(parse_qsl(query))
    return f"{address}?{urlencode(given | {'ssl_cert_reqs': _word(given.get('ssl_cert_reqs', 'required'))})}"


def _rabbitmq(url: str, scheme: str) -> Broker:
    address, _, query = url.partition("?")
    given = dict(parse_qsl(query))
    if foreign := sorted(given.keys() - {"ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}):
        raise ValueError(f"has what RabbitMQ's clients do not know: {', '.join(foreign)}")
    if scheme != "amqps":
        return Broker(address, is_rabbitmq=True)
    checks = _CHECKS[_word(given.pop("ssl_cert_reqs", "required"))]
    files = {name.removeprefix("ssl_"): value for name, value in given.items()}
    # None: py-amqp takes the address' own host; with no such entry it checks no name.
    names: dict[str, Any] = {} if checks is ssl.CERT_NONE else {"server_hostname": None}
    return Broker(address, is_rabbitmq=True, tls={"cert_reqs": checks, **names, **files})


def _word(given: str) -> str:
    if (word := _WORDS.get(given, given)) not in _CHECKS:
        raise ValueError(f"has an ssl_cert_reqs that is none of {', '.join(_CHECKS)}")
    return word
