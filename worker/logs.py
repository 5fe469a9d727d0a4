"""Logging for every process: one line an event, JSON unless a person is looking. It may not let a line out before its secrets are taken out."""

import json
import logging
import sys
from collections.abc import Callable, MutableMapping, Sequence
from contextvars import ContextVar
from typing import Any

import structlog
from typing_extensions import override  # typing's own from Python 3.12 on

from worker.core.job import Job
from worker.redaction import redacted

# The first three log whole URLs at INFO, and a presigned query is a secret. Celery logs every message twice and every tick, and nothing of jobs.
_TALKATIVE = ("httpx", "httpcore", "PIL", "celery.worker.strategy", "celery.app.trace", "celery.beat", "alembic")
# Neither may show local variables, as both do by themselves: a bare key there has no shape by which it could be told from any other word.
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
_OWN_HANDLERS = ("uvicorn", "uvicorn.error")  # uvicorn gives its loggers handlers that redact nothing


KEYS = frozenset({
    "event", "level", "logger", "timestamp", "exc_info", "exception", "stack_info", "stack",
    "task", "task_id", "job_id", "attempt", "caller", "account", "from_state", "to_state", "event_type",
    "notification_id", "kind", "tries", "answer", "retry_after", "lesson", "part", "why", "reason", "error", "address",
    "jobs", "destinations", "asked", "at_once", "seconds", "queue",
    "recurring", "check", "count", "subject",
})  # fmt: skip
"""What a line may have beside what happened. Whatever else somebody logs is named, and not shown: a list of what is secret is never whole."""


ABOUT: ContextVar[Job | None] = ContextVar("ABOUT", default=None)
"""The job that this thread, or this request, works on: every line that anybody logs meanwhile says so. Of structlog's own, one for each word would be
set and set back, and that is ten times as long; it is done some ten times a job."""


class _Ready(str):
    """A line as it will be read, without secrets."""

    __slots__ = ()


class _Redacting(structlog.stdlib.ProcessorFormatter):
    """The last thing that happens to a line, so that nothing is added after the secrets are gone; tracebacks included.

    Our own lines come as they will be read (`_ready`): to hand them over in parts, and put them together here, takes as long as all the rest.
    """

    @override
    def format(self, record: logging.LogRecord) -> str:
        return record.msg if isinstance(record.msg, _Ready) else redacted(super().format(record))


def configure(level: int = logging.INFO) -> None:
    """Send everything that is logged, by us or by a library, through one handler to stderr. Safe to call twice."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _with_the_job,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering = _rendering(for_a_person=sys.stderr.isatty())
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, _rendered_by(rendering)],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # who logged before this was called must not keep what it was configured with
    )
    handler = logging.StreamHandler(sys.stderr)
    clean = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(_Redacting(foreign_pre_chain=shared, processors=[clean, *rendering]))
    # Nobody is told from where a line was logged, nor by which thread or process; to find that out takes a fifth of it (Python, Logging HOWTO).
    logging._srcfile = None  # noqa: SLF001 - the way that its documentation gives
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _OWN_HANDLERS:
        logging.getLogger(name).handlers, logging.getLogger(name).propagate = [], True
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def _rendering(*, for_a_person: bool) -> list[Any]:
    if for_a_person:
        return [_known_alone, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    return [_known_alone, _TRACEBACKS, _event_first, structlog.processors.JSONRenderer(default=str)]


def _rendered_by(rendering: Sequence[Any]) -> Callable[[Any, str, MutableMapping[str, Any]], tuple[tuple[_Ready], dict[str, Any]]]:
    """What `logging` is called with, and whoever else listens there: nothing is added any more, so secrets are taken out here.

    A line that cannot be shown is not worth the work of whoever logs it: it says that, and no more.
    """

    def ready(logger: Any, name: str, line: MutableMapping[str, Any]) -> tuple[tuple[_Ready], dict[str, Any]]:  # noqa: ANN401 - structlog's signature
        shown: Any = line
        try:
            for processor in rendering:
                shown = processor(logger, name, shown)
        except Exception as error:  # noqa: BLE001 - anybody's `__str__` may raise anything
            shown = json.dumps({"event": "a line that cannot be shown", "logger": str(logger.name), "error": type(error).__name__})
        return (_Ready(redacted(shown)),), {}

    return ready


def _with_the_job(_logger: object, _name: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Beside what the line says of itself."""
    if (job := ABOUT.get()) is not None:
        for key, value in (("job_id", job.id), ("attempt", len(job.attempts)), ("caller", job.caller)):
            line.setdefault(key, value)
    return line


def _known_alone(_logger: object, _name: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in line.keys() - KEYS:
        line[key] = "..."
    return line


def _event_first(_logger: object, _name: str, line: MutableMapping[str, Any]) -> dict[str, Any]:
    """JSON is read by people too: what happened comes before the rest."""
    return {"event": line.pop("event", ""), **line}
