"""One trace for each job, from its enqueueing to its conversation, across processes and hours. It may not carry anything from one to the other.

It need not: a trace's id, and that of its first span, follow from the job's own id. So whoever works on a job knows its trace, without a header in a
message or a column in the ledger, and a message that is lost takes no trace along. Spans hold ids and words of fixed lists, and no address.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Protocol

from worker.core.job import Job, JobId
from worker.core.states import State

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import SpanExporter

_SERVICE = "replicas"
_NOTHING = nullcontext()


class TracesMissingError(Exception):
    """The extra `traces` is not installed."""


class Tracer(Protocol):
    """What is told of jobs."""

    def enqueued(self, job: Job) -> None:
        """A new job is stored."""

    def moved(self, before: Job, after: Job, clock: Callable[[], datetime]) -> None:
        """A decision is written."""

    def performing(self, job: Job, what: str) -> AbstractContextManager[None]:
        """Something is done for the job, for as long as a `with` lasts."""

    def close(self) -> None:
        """Send what is left."""


class Untraced:
    """Tells nobody."""

    def enqueued(self, job: Job) -> None:
        """See `Tracer`."""

    def moved(self, before: Job, after: Job, clock: Callable[[], datetime]) -> None:
        """See `Tracer`."""

    def performing(self, job: Job, what: str) -> AbstractContextManager[None]:
        """See `Tracer`."""
        del job, what
        return _NOTHING

    def close(self) -> None:
        """See `Tracer`."""


UNTRACED = Untraced()


class Traces:
    """Tells an OpenTelemetry exporter. One a process, used from any number of threads; spans are sent by a thread of the library's own."""

    def __init__(self, exporter: "SpanExporter") -> None:
        from opentelemetry import trace  # noqa: PLC0415 - an extra, and half a second that only those pay who want it
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - the same
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - the same
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - the same
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator  # noqa: PLC0415 - the same

        given = self._given = threading.local()

        class Ids(RandomIdGenerator):
            """Chance, but for a job's first span."""

            def generate_trace_id(self) -> int:
                return trace_of(given.job_id)

            def generate_span_id(self) -> int:
                return first_span_of(given.job_id) if getattr(given, "job_id", None) else super().generate_span_id()

        self._api = trace
        self._provider = TracerProvider(resource=Resource.create({"service.name": _SERVICE}), id_generator=Ids())
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(_SERVICE)

    def enqueued(self, job: Job) -> None:
        """The first span, told once: it stands there while the job goes on for hours."""
        from opentelemetry.context import Context  # noqa: PLC0415 - as above

        at = _nanoseconds(job.created_at)
        self._given.job_id = job.id
        try:
            # An empty context: whatever this process itself is being traced for is no part of the job's life.
            self._tracer.start_span("job", Context(), attributes=_about(job), start_time=at).end(at)
        finally:
            self._given.job_id = None

    def moved(self, before: Job, after: Job, clock: Callable[[], datetime]) -> None:
        """A span for the time that the job spent in the state which it leaves."""
        if after.state is before.state:
            return
        began, ended = _nanoseconds(_since(before)), _nanoseconds(clock())
        about = _about(after) | {"replicas.to_state": after.state.value}
        span = self._tracer.start_span(before.state.value, self._within(after.id), attributes=about, start_time=min(began, ended))
        if after.failure is not None:
            span.set_status(self._api.StatusCode.ERROR, after.failure.value)
        span.end(ended)

    @contextmanager
    def performing(self, job: Job, what: str) -> Iterator[None]:
        """A span for what is asked of Tavus."""
        span = self._tracer.start_span(what, self._within(job.id), kind=self._api.SpanKind.CLIENT, attributes=_about(job))
        try:
            yield
        finally:
            span.end()

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()

    def _within(self, job_id: JobId) -> "Context":
        flags = self._api.TraceFlags(self._api.TraceFlags.SAMPLED)
        first = self._api.SpanContext(trace_of(job_id), first_span_of(job_id), is_remote=True, trace_flags=flags)
        return self._api.set_span_in_context(self._api.NonRecordingSpan(first))


def exporting() -> Traces:
    """Traces to where OpenTelemetry's own variables say (OTEL_EXPORTER_OTLP_ENDPOINT). Raises TracesMissingError."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise TracesMissingError("install the extra, in the folder of this program: pip install --editable '.[traces]'") from error
    return Traces(OTLPSpanExporter())


def trace_of(job_id: JobId) -> int:
    """The id of the job's trace."""
    return int.from_bytes(blake2b(job_id.encode(), digest_size=16, person=b"trace").digest()) or 1


def first_span_of(job_id: JobId) -> int:
    """The id of its first span."""
    return int.from_bytes(blake2b(job_id.encode(), digest_size=8, person=b"span").digest()) or 1


def _about(job: Job) -> dict[str, str | int]:
    return {
        "replicas.job_id": job.id,
        "replicas.account": job.account,
        "replicas.caller": job.caller,
        "replicas.attempt": len(job.attempts),
    }


def _since(job: Job) -> datetime:
    """Since when it is in its state, as far as the row says: a look writes to it too."""
    if job.state is State.TRAINING and job.attempts:
        return job.attempts[-1].intended_at
    return job.written_at or job.created_at


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000
