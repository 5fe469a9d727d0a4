"""The HTTP shell: turns a request into a value and an answer into bytes, and carries out faults on the line. It decides nothing."""

import asyncio
import json
from http.client import responses

from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders, HTTPServerRequest, ResponseStartLine

from tests.sandbox import admin
from tests.sandbox.answers import Answer
from tests.sandbox.call import Request
from tests.sandbox.courier import Courier
from tests.sandbox.faults import Fault, Harm, Moment
from tests.sandbox.front import Visit
from tests.sandbox.host import Host

_BODILESS = (204, 304)


class Shell:
    """Called by the server for each request. One that meets no delay is answered at once, without a task of its own."""

    def __init__(self, host: Host, courier: Courier) -> None:
        """Serve `host`, and let the courier look after every request."""
        self._host = host
        self._courier = courier
        self._waiting: set[asyncio.Task[None]] = set()

    def __call__(self, message: HTTPServerRequest) -> None:
        """Take one request."""
        connection = message.connection
        if not isinstance(connection, HTTP1Connection):
            error = f"not an HTTP/1 connection: {connection!r}"
            raise TypeError(error)
        request = _read(message)
        if admin.is_ours(request.path):
            _write(connection, admin.answer(self._host, request), is_head=request.method == "HEAD")
            self._host.on_jump()
            return
        visit = self._host.front.receive(request)
        self._host.world.ledger.arrived(self._host.clock.now(), visit.kind)
        if visit.fault is not None and visit.fault.harm in (Harm.HANG, Harm.SLOW, Harm.HALF):
            task = asyncio.get_running_loop().create_task(self._wait(connection, visit, visit.fault))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)
        else:
            self._answer(connection, visit, self._work(visit))

    def close(self) -> None:
        """Leave every waiting request unanswered."""
        for task in self._waiting:
            task.cancel()

    def _work(self, visit: Visit) -> Answer | None:
        if not visit.is_worked:
            return None
        true = self._host.front.work(visit, self._host.clock.now())
        self._courier.look()
        return true

    def _answer(self, connection: HTTP1Connection, visit: Visit, true: Answer | None) -> None:
        sent = self._host.front.spoil(visit, true)
        # Whoever has left has seen nothing: the ledger may not count it as an answer.
        if connection.stream.closed():
            sent = None
        self._host.front.delivered(visit, sent, self._host.clock.now())
        if sent is None:
            connection.stream.close()
        else:
            _write(connection, sent, is_head=visit.request.method == "HEAD")

    async def _wait(self, connection: HTTP1Connection, visit: Visit, fault: Fault) -> None:
        if fault.harm is Harm.SLOW and fault.moment is Moment.BEFORE:
            # Late work: the caller may be gone by now, and the training begins all the same.
            await asyncio.sleep(fault.seconds)
            self._answer(connection, visit, self._work(visit))
            return
        true = self._work(visit)
        if fault.harm is Harm.HALF:
            await _write_half(connection, true or Answer(200, {"status": "started"}))
        else:
            await _sleep_while_open(connection, fault.seconds)
        self._answer(connection, visit, true)


def _read(message: HTTPServerRequest) -> Request:
    query = {name: values[-1].decode("utf-8", "replace") for name, values in message.query_arguments.items()}
    return Request(message.method or "", message.path or "", query, message.headers.get("x-api-key"), message.body)


def _bytes_of(answer: Answer) -> tuple[HTTPHeaders, bytes]:
    body = answer.raw if answer.raw is not None else b"" if answer.body is None else json.dumps(answer.body).encode()
    headers = HTTPHeaders({"Content-Type": "application/json", **answer.headers})
    if answer.status not in _BODILESS:
        headers["Content-Length"] = str(len(body))
    return headers, body


def _write(connection: HTTP1Connection, answer: Answer, *, is_head: bool) -> None:
    if connection.stream.closed():
        return
    headers, body = _bytes_of(answer)
    line = ResponseStartLine("HTTP/1.1", answer.status, responses.get(answer.status, ""))
    connection.write_headers(line, headers, None if is_head or answer.status in _BODILESS else body)
    connection.finish()


async def _write_half(connection: HTTP1Connection, answer: Answer) -> None:
    headers, body = _bytes_of(answer)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.get_all())
    if not connection.stream.closed():
        await connection.stream.write(f"HTTP/1.1 {answer.status} OK\r\n{head}\r\n".encode() + body[: len(body) // 2])


async def _sleep_while_open(connection: HTTP1Connection, seconds: float) -> None:
    left = asyncio.Event()
    connection.set_close_callback(left.set)
    try:
        await asyncio.wait_for(left.wait(), seconds)
    except TimeoutError:
        return
