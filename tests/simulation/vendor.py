"""Tavus in the same process: the product's client over the sandbox's own rules, under the virtual clock. It opens no socket."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from pydantic import SecretStr
from typing_extensions import override

from tests.sandbox import api
from tests.sandbox.answers import Answer as Sent
from tests.sandbox.call import Request
from tests.sandbox.faults import Harm, Kind, Moment
from tests.sandbox.front import Front
from tests.simulation.hub import Hub
from tests.simulation.troubles import Trouble
from tests.simulation.weather import Weather
from worker.tavus.client import Answer, Cut, NotSent, Reply, Tavus
from worker.tavus.wire import parsed

TIMEOUT = timedelta(seconds=30)
LATE = timedelta(seconds=200)  # how late a slow Tavus does its work, whoever has left
_PAGE = b"<html><head><title>403 Forbidden</title></head></html>"
Worked = Callable[[Kind, Request, Sent], None]


class SimulatedTavus(Tavus):
    """The client whose line leads to a `Front`. `asked` hears of each call, `worked` of what is done, `twice` of what a network had done again."""

    def __init__(
        self,
        front: Front,
        weather: Weather,
        hub: Hub,
        keys: Mapping[str, SecretStr],
        asked: Callable[[], None],
        worked: Worked,
        twice: Callable[[Sent, Sent], None],
    ) -> None:
        # Not the client's own beginning: that opens connections.
        self._keys, self._front, self._weather, self._hub, self._asked, self._worked = keys, front, weather, hub, asked, worked
        self._twice = twice
        self._begin = hub.now

    @override
    def close(self) -> None:
        """Nothing is open."""

    @override
    def wait(self, seconds: float) -> None:
        """Time passes for everybody."""
        self._hub.pause(timedelta(seconds=seconds))

    @override
    def _call(
        self, account: str, method: str, path: str, body: Mapping[str, Any] | None = None, params: Mapping[str, str] | None = None
    ) -> Reply:
        self._asked()
        name = f"{method} {path}"
        self._hub.cross(f"before {name}")
        content = b"" if body is None else json.dumps(body).encode()
        request = Request(method, f"/v2{path}", params or {}, self._keys[account].get_secret_value(), content)
        kind = api.kind_of(request)
        trouble = self._weather.trouble(kind, self._hub.now - self._begin)
        reply = self._way(request, kind, trouble)
        if self._hub.tell:
            self._hub.tell(self._hub.who, f"{name} -> {reply}{f' ({trouble.name})' if trouble else ''}")
        self._hub.cross(f"after {name}")
        return reply

    def _way(self, request: Request, kind: Kind, trouble: Trouble | None) -> Reply:
        if trouble is not None and trouble.is_unsent:
            return NotSent("nobody listens")
        there, back = self._weather.way()
        if trouble is not None and trouble.status:
            self._hub.pause(min(there + back, TIMEOUT))
            return _read(Sent(trouble.status, trouble.body, raw=None if trouble.body else _PAGE))
        visit = self._front.receive(request)
        if visit.fault is not None and visit.fault.harm is Harm.SLOW:
            there, back = (there + LATE, back) if visit.fault.moment is Moment.BEFORE else (there, back + TIMEOUT)
        if visit.fault is not None and visit.fault.harm is Harm.HANG:
            back = TIMEOUT
        true: list[Sent] = []

        def work() -> None:
            true.append(self._front.work(visit, self._hub.now))
            self._worked(kind, request, true[0])
            if trouble is not None and trouble.arrives_twice:
                self._twice(true[0], self._front.work(visit, self._hub.now))

        if visit.is_worked:
            # It is done there though the caller dies or leaves; so nobody who could die does it.
            self._hub.at(self._hub.now + there, work) if there else work()
        if there or back:
            self._hub.pause(min(there + back, TIMEOUT))
            if there + back >= TIMEOUT:
                return Cut("ReadTimeout: too slow")
        sent = self._front.spoil(visit, true[0] if true else None)
        self._front.delivered(visit, sent, self._hub.now)
        return Cut("RemoteProtocolError: the line was cut") if sent is None else _read(sent)


def _read(sent: Sent) -> Answer:
    document = parsed(sent.raw) if sent.raw is not None else sent.body
    later = sent.headers.get("Retry-After")
    return Answer(sent.status, document, sent.raw or b"", timedelta(seconds=float(later)) if later else None)
