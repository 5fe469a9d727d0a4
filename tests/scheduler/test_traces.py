"""A job is one trace, whoever works on it and whenever; it begins when it is enqueued, and shows where the time went and nothing that is secret."""

from datetime import timedelta
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, StatusCode
from typing_extensions import override

from scheduler.producers import enqueue
from tests.sandbox.rules import Rules
from tests.sandbox.server import Sandbox
from tests.scheduler.made import SECRET, a_replica, a_request, at_tavus, opened
from worker import traces as module
from worker.app import make_app
from worker.assembly import assemble
from worker.core.events import CallbackReceived
from worker.core.job import Job
from worker.settings import Settings, SettingsError
from worker.traces import Traces, TracesMissingError, first_span_of, trace_of


class Kept(SpanExporter):
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    @override
    def export(self, spans: Any) -> SpanExportResult:
        self.spans += spans
        return SpanExportResult.SUCCESS


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    """What every process with traces sends."""
    exporter = Kept()
    monkeypatch.setattr(f"{assemble.__module__}.exporting", lambda: Traces(exporter))
    return exporter


def test_a_job_is_one_trace_through_several_processes_from_its_enqueueing_to_its_conversation(settings: Settings, kept: Kept) -> None:
    with Sandbox(Rules()) as tavus:
        ours = at_tavus(settings, tavus).model_copy(update={"traces": True})
        with opened(ours) as door:
            job = enqueue(door, a_replica(train_image_url=tavus.picture(f"token={SECRET}"))).job
        with opened(ours) as worker:
            worker.engine.advance(job.id)
        tavus.advance(timedelta(hours=12))
        with opened(ours) as another:
            another.engine.tell(job.id, CallbackReceived())
            [opening] = another.engine.advance_many([job.id])
            assert isinstance(opening, Job)
            another.engine.go_on(opening)
    [first] = [span for span in kept.spans if span.parent is None]
    assert first.name == "job"
    assert first.context is not None
    assert (first.context.trace_id, first.context.span_id) == (trace_of(job.id), first_span_of(job.id))
    for span in kept.spans:
        assert span.context is not None
        assert span.context.trace_id == trace_of(job.id)
        assert span is first or (span.parent is not None and span.parent.span_id == first_span_of(job.id))
        assert SECRET not in span.to_json()
    states = [span.name for span in kept.spans if span.kind is SpanKind.INTERNAL]
    assert states == ["job", "queued", "submitting", "training", "opening"]
    assert {"SubmitReplica", "OpenConversation"} <= {span.name for span in kept.spans if span.kind is SpanKind.CLIENT}
    [training] = [span for span in kept.spans if span.name == "training"]
    assert training.attributes is not None
    assert training.attributes["replicas.job_id"] == job.id
    assert training.status.status_code is StatusCode.UNSET


def test_two_jobs_are_two_traces(settings: Settings, kept: Kept) -> None:
    with opened(settings.model_copy(update={"traces": True})) as parts:
        jobs = [enqueue(parts, a_request()).job for _ in range(2)]
    assert {span.context.trace_id for span in kept.spans if span.context} == {trace_of(job.id) for job in jobs}


def test_who_wants_none_loads_nothing_and_who_lacks_the_extra_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Traces:
        raise TracesMissingError("install the extra, in the folder of this program: pip install --editable '.[traces]'")

    monkeypatch.setattr(f"{assemble.__module__}.exporting", missing)
    with opened(settings) as parts:
        assert parts.tracer is module.UNTRACED
    with pytest.raises(SettingsError, match=r"REPLICAS_TRACES.*'\.\[traces\]'"):
        assemble(settings.model_copy(update={"traces": True}), make_app(settings))
