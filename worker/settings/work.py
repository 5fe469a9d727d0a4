"""The settings of what is looked at, of what is told, and of how much a process does at once. They may not concern a job's own durations."""

from datetime import timedelta
from enum import StrEnum

from pydantic import Field
from pydantic_settings import BaseSettings

from worker.core.deliveries import Patience
from worker.core.vision import Vision
from worker.settings.forms import Duration


class Pool(StrEnum):
    """Celery's pools that a worker of ours may have."""

    THREADS = "threads"  # calls that take seconds wait beside each other at no cost
    PREFORK = "prefork"  # no two tasks share an interpreter: cheaper on a busy host, and dearer in memory


class Work(BaseSettings):
    """How inputs are looked at, callers are told, and processes are filled."""

    input_timeout: Duration = Field(
        timedelta(seconds=10), description="The longest that fetching a picture for preflight may take, in all."
    )
    url_life: Duration = Field(
        timedelta(hours=24), description="How long a presigned URL must still live (Tavus, Image to Replica, 2026-06)."
    )
    vision: Vision = Field(
        Vision.OFF,
        description="Look at pictures for what Tavus would reject: `off`, `advise` (the story tells) or `require`. Needs the extra `vision`.",
    )
    allow_http: bool = Field(default=False, description="Accept http:// inputs as well as https://.")
    allow_private_addresses: bool = Field(
        default=False, description="Accept inputs on private and loopback addresses. For the sandbox only."
    )

    notify_timeout: Duration = Field(
        timedelta(seconds=10), description="The longest that telling a caller (`notify_url`) may take, in all."
    )
    notify_patience: Duration = Field(
        Patience().whole, description="How long a caller who does not answer is tried before the notification becomes a dead letter."
    )

    retention: Duration | None = Field(
        None,
        description="How long a job's input and story are kept when it is over, such as 90d (a day at least); then they are erased. Unset: for ever.",
    )

    pace_window: Duration = Field(
        timedelta(minutes=1),
        description="The stretch of time that --requests-a-minute counts in; for tests.",
    )
    traces: bool = Field(
        default=False, description="Send a trace of each job to OTEL_EXPORTER_OTLP_ENDPOINT (OpenTelemetry). Needs the extra `traces`."
    )
    web_processes: int = Field(1, ge=1, description="Processes of the API. More than one only where one core is not enough for it.")
    pool: Pool = Field(
        Pool.THREADS,
        description="How a worker does several tasks at once: `threads`, or `prefork` for processes of their own (see What it costs).",
    )
    threads: int = Field(16, ge=1, description="Tasks at once in a worker: threads, or processes.")
    brokerless: bool = Field(
        default=False,
        description="Workers find all work in the ledger by themselves, always: for a host without a broker, or one that is distrusted.",
    )
    poll_batch: int = Field(100, ge=1, le=100, description="Replicas asked for in one call; 100 is the most that Tavus' own CLI asks for.")
    ride_along: float = Field(
        0.005,
        ge=0,
        le=1,
        description="How much sooner than it is due a training is asked about when a call has room for it, as a part of the typical training.",
    )
    ring_window: int = Field(
        500, ge=1, description="Messages waiting in a queue before the sweep rings no more: the order is the ledger's, not Redis'."
    )
