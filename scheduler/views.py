"""A job as callers and people are shown it: documents without secrets. It may not show an address' query, a token, or the request itself."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from scheduler.findings import Finding
from worker.core.credits import Entry, entry_of
from worker.core.failures import POLICIES
from worker.core.job import Attempt, Job, Terms
from worker.core.rules import Rules
from worker.core.states import State
from worker.pacing.kinds import Reason
from worker.pacing.pacer import Standing
from worker.store.book import Month
from worker.store.notifications import Notification
from worker.store.stories import Line


def job_document(job: Job, rules: Rules, now: datetime, link: str | None = None) -> dict[str, Any]:
    """The job as JSON. Moments are ISO 8601 in UTC; `due_at` is when it is next looked at. `link`: what opens its conversation on demand."""
    return {
        "id": job.id,
        "state": job.state.value,
        "account": job.account,
        "caller": job.caller,
        "priority": job.priority,
        "created_at": job.created_at.isoformat(),
        "due_at": _moment(job.due_at),
        "progress": job.progress,
        "eta": _eta(job, rules, now),
        "replica_id": job.replica_id,
        "submissions": job.submissions,
        "attempts": [_attempt(attempt, now) for attempt in job.attempts],
        "conversation": _conversation(job),
        "link": link,
        "failure": _failure(job),
        "cancel_requested": job.cancel_requested,
        "idempotency_key": job.idempotency_key,
        "consent": job.request.consent and dict(job.request.consent),
        "metadata": dict(job.request.metadata),
        "erased_at": _moment(job.erased_at),
    }


def line_document(line: Line) -> dict[str, Any]:
    """A line of the story as JSON."""
    return {
        "at": line.at.isoformat(),
        "event": line.event,
        "from_state": line.from_state.value if line.from_state else None,
        "to_state": line.to_state.value,
        "why": line.why,
    }


def notification_document(one: Notification) -> dict[str, Any]:
    """A notification as JSON: what it tells, how far it is, and what the last attempt was answered."""
    return {
        "id": one.id,
        "job_id": one.job_id,
        "caller": one.caller,
        "type": one.kind,
        "at": one.at.isoformat(),
        "status": one.status.value,
        "tries": one.tries,
        "due_at": _moment(one.due_at),
        "answer": one.answer,
        "answered_at": _moment(one.answered_at),
        "about": dict(one.about),
    }


def month_document(month: Month) -> dict[str, Any]:
    """A line of the credit book as JSON; money as decimal text, null where the account has no price."""
    of = month.entries
    paid = of[Entry.CHARGED] + of[Entry.AT_RISK] + month.strays
    at_risk = of[Entry.AT_RISK] + month.strays
    return {
        "account": month.account,
        "month": month.month,
        "submissions": sum(of.values()),
        "paid": paid,
        "in_doubt": of[Entry.RESERVED],
        "failed": month.failed,
        "refunds_expected": of[Entry.REFUND_EXPECTED],
        "refunds_assumed": of[Entry.REFUND_ASSUMED],
        "at_risk": at_risk,
        "price": _money(month.price, 1),
        "money_paid": _money(month.price, paid),
        "refund_expected": _money(month.price, of[Entry.REFUND_EXPECTED]),
        "money_at_risk": _money(month.price, at_risk),
    }


def terms_document(account: str, terms: Terms) -> dict[str, Any]:
    """An account's limits as JSON."""
    return {
        "account": account,
        "max_trainings_a_month": terms.max_trainings_a_month,
        "max_in_flight": terms.max_in_flight,
        "requests_a_minute": terms.requests_a_minute,
        "price": _money(terms.price, 1),
        "lost": terms.lost.value,
        "retry_after_refund": terms.retry_after_refund,
    }


def pace_document(standing: Standing) -> dict[str, Any]:
    """An account's pace as JSON. `shared` false: the broker is away, and this is what one process knows."""
    return {
        "requests_a_minute": standing.limit,
        "allowed_now": standing.allowed,
        "sent_in_the_last_minute": standing.sent,
        "paused_seconds": standing.pause.total_seconds(),
        "breakers": {
            kind.value: {"reason": reason.value, "seconds": wait.total_seconds()}
            for kind, (reason, wait) in sorted(standing.breaks.items())
        },
        "shared": standing.shared,
    }


def pace_sentence(standing: Standing) -> str:
    """The same in words; empty when there is nothing that anybody would wait for."""
    is_bounded, seconds = standing.allowed is not None, standing.pause.total_seconds()
    told = [f"{standing.sent} of {standing.allowed} requests in the last minute"] if is_bounded else []
    if standing.allowed != standing.limit:
        told.append(f"slowed down by Tavus from {'no limit' if standing.limit is None else standing.limit}")
    if seconds:
        told.append(f"paused by Tavus for {seconds:.0f} s")
    for kind, (reason, wait) in sorted(standing.breaks.items()):
        what = "every conversation slot is taken" if reason is Reason.FULL else f"calls to {kind} fail"
        told.append(f"{what}: {f'tried again in {wait.total_seconds():.0f} s' if wait else 'one is trying'}")
    if not standing.shared:
        told.append("Redis does not answer: each process counts for itself")
    return "; ".join(told)


def finding_document(finding: Finding) -> dict[str, str]:
    """A finding of the audit as JSON."""
    return {"check": finding.check, "subject": finding.subject, "problem": finding.problem}


def _money(price: Decimal | None, times: int) -> str | None:
    return None if price is None else str(price * times)


def _attempt(attempt: Attempt, now: datetime) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "mark": attempt.mark,
        "submitted_at": attempt.intended_at.isoformat(),
        "outcome": attempt.outcome.value,
        "credit": entry_of(attempt, now).value,
        "replica_id": attempt.replica_id,
        "failure": attempt.failure.value if attempt.failure else None,
        "ended_at": _moment(attempt.ended_at),
        "late_at": _moment(attempt.late_at),
        "deletable_at": _moment(attempt.deletable_at),
        "deletion_due_at": _moment(attempt.deletion.due_at if attempt.deletion else None),
        "deleted_at": _moment(attempt.deleted_at),
        "strays": list(attempt.strays),
    }


def _eta(job: Job, rules: Rules, now: datetime) -> dict[str, str] | None:
    if job.state is not State.TRAINING:
        return None
    plan, elapsed = rules.plan_for(job.request, job.account), now - job.attempt.intended_at
    eta = plan.eta(elapsed)
    return {"p50": (now + eta.p50).isoformat(), "p90": (now + eta.p90).isoformat(), "verdict": plan.verdict(elapsed).value}


def _conversation(job: Job) -> dict[str, str | None] | None:
    if job.conversation is None or job.conversation.id is None:
        return None
    return {"id": job.conversation.id, "url": job.conversation.url, "ended_at": _moment(job.conversation.ended_at)}


def _failure(job: Job) -> dict[str, str | None] | None:
    if job.failure is None:
        return None
    return {"code": job.failure.value, "told": POLICIES[job.failure].told, "detail": job.detail}


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
