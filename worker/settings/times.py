"""The settings of the work on jobs: how long each thing may take, and how often it is tried. They may not concern callers."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings

from worker.core.polling import Plan
from worker.core.rules import Rules
from worker.settings.forms import Duration

_RULES = Rules()
_PLAN = Plan()
# A worker without work hears from a broker that lives every four seconds on Redis, and every five on RabbitMQ.
_TWO_ANSWERS = timedelta(seconds=8)


class Times(BaseSettings):
    """How long, and how often."""

    sweep_interval: Duration = Field(
        timedelta(seconds=5), description="How often the ledger is asked for what is due. The price of a lost message."
    )
    canary_interval: Duration = Field(
        timedelta(seconds=15),
        description="How often beat sends a canary through a worker. After three without one `/readyz` says that workers are deaf.",
    )
    brokerless_after: Duration = Field(
        timedelta(seconds=30),
        ge=_TWO_ANSWERS,
        description="After so long without a word of the broker a worker finds its work in the ledger by itself: at least 8 s.",
    )
    http_timeout: Duration = Field(timedelta(seconds=30), description="The longest that a call to Tavus may take, in all.")
    task_limit: Duration = Field(timedelta(seconds=75), description="The longest that a task may run (enforced by Celery's prefork pool).")
    go_on: bool = Field(
        default=True,
        description="Whether a task goes on with what it found, while it is quick; `false` where each queue has workers of its own.",
    )
    lease: Duration = Field(_RULES.lease, description="How long a worker may be silent before its job is taken from it.")
    visibility_timeout: Duration = Field(
        timedelta(seconds=120), description="When Redis hands an unacknowledged message to another worker."
    )
    settle_time: Duration = Field(_RULES.settle_time, description="How long a lost submission is looked for before it may be paid again.")
    refund_hold: Duration = Field(_RULES.refund_hold, description="How long a failed replica is kept, so that its refund is safe.")
    refund_confirm: Duration = Field(
        _RULES.refund_confirm, description="How far apart two looks must both still say error before a failed replica is deleted."
    )
    clean_up_failed: bool = Field(
        default=_RULES.clean_up_failed, description="Delete failed replicas by itself, once their refund is safe: they take a plan's slots."
    )
    clean_names: bool = Field(
        default=_RULES.clean_names,
        description="Rename a replica to the caller's name once its id is on record. Then only the ledger knows whose it is.",
    )
    lookup_patience: Duration = Field(
        _RULES.lookup_patience,
        description="How long the list may be unreadable, while something lost is looked for, before a person is asked.",
    )
    training_typical: Duration = Field(_PLAN.typical, description="The usual training time; the poll plan is laid around it.")
    training_deadline: Duration = Field(_RULES.training_deadline, description="When a training counts as overdue and a person is asked.")
    training_soft_deadline: Duration = Field(
        _RULES.training_soft_deadline, description="When a training counts as late: an alarm, and looks far apart. The job goes on."
    )
    poll_worth: float = Field(
        _PLAN.worth, gt=0, allow_inf_nan=False, description="Looks worth paying to know one percent of the typical training sooner."
    )
    learn_interval: Duration = Field(
        timedelta(minutes=10), description="How often the poll plan learns from finished trainings and callbacks."
    )
    retry_base: Duration = Field(_RULES.retry_base, description="The first wait after a free failure; doubled each time.")
    retry_cap: Duration = Field(_RULES.retry_cap, description="The longest wait between free retries.")
    paid_retry_delay: Duration = Field(_RULES.paid_retry_delay, description="The wait before a submission is paid again.")
    input_patience: Duration = Field(_RULES.input_patience, description="How long the picture's own server may fail.")
    missing_confirm: Duration = Field(
        _RULES.missing_confirm, description="How long Tavus must not know a replica before it counts as vanished."
    )
    max_paid_attempts: int = Field(_RULES.max_paid_attempts, ge=1, description="Submissions that a job may pay for.")
    voices_refresh: Duration = Field(timedelta(hours=1), description="How often the list of stock voices is read.")
