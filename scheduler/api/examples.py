"""The examples of the documentation: one job on its way, told consistently. They may not hold anything that works anywhere."""

from typing import Any

ID = "01jc5z9m8ksh2qf7w4xv3n0p6t"
_CREATED = "2026-11-01T12:00:00.123456+00:00"

REQUEST: dict[str, Any] = {
    "replica": {"train_image_url": "https://images.example/ann.jpg", "voice_name": "anna", "replica_name": "Ann"},
    "conversation": {"start": "on_demand", "persona_id": "p5d11710002a", "properties": {"participant_absent_timeout": 120}},
    "idempotency_key": "order-4711",
    "metadata": {"order": 4711},
}
BATCH = {"jobs": [REQUEST, {"replica": {"train_image_url": "https://images.example/ben.jpg", "voice_name": "liam"}}]}
NEW_INPUT = {"train_image_url": "https://images.example/ann-2.jpg"}

_ATTEMPT = {
    "number": 1, "mark": "rw-2qf7w4xv3n0p6t-1", "submitted_at": "2026-11-01T12:00:02.000000+00:00", "outcome": "charged", "credit": "at_risk",
    "replica_id": "r9f3c1", "failure": None, "ended_at": None, "late_at": None, "deletable_at": None, "deletion_due_at": None,
    "deleted_at": None, "strays": [],
}  # fmt: skip
_ETA = {"p50": "2026-11-01T15:31:00.000000+00:00", "p90": "2026-11-01T16:12:00.000000+00:00", "verdict": "plausible"}

NEW_JOB: dict[str, Any] = {
    "id": ID, "state": "queued", "account": "default", "caller": "local", "priority": 0, "created_at": _CREATED, "due_at": _CREATED,
    "progress": None, "eta": None, "replica_id": None, "submissions": 0, "attempts": [], "conversation": None, "failure": None,
    "cancel_requested": False, "idempotency_key": "order-4711", "metadata": {"order": 4711}, "consent": None,
}  # fmt: skip
JOB = NEW_JOB | {
    "state": "training", "due_at": "2026-11-01T14:55:10.000000+00:00", "progress": "40/100", "eta": _ETA, "replica_id": "r9f3c1",
    "submissions": 1, "attempts": [_ATTEMPT],
}  # fmt: skip
TRAINED = _ATTEMPT | {"outcome": "trained", "credit": "charged", "ended_at": "2026-11-01T15:29:44.000000+00:00"}
READY = JOB | {"state": "ready", "due_at": None, "progress": None, "eta": None, "attempts": [TRAINED]}
OPENING = READY | {"state": "opening", "due_at": "2026-11-01T15:40:00.000000+00:00"}
DONE = READY | {"state": "done", "conversation": {"id": "c7a1", "url": "https://tavus.daily.co/c7a1", "ended_at": None}}
CANCELLED = NEW_JOB | {"state": "cancelled", "due_at": None, "cancel_requested": True}
_FAILED = {"code": "HeadphonesError", "told": "Send a picture without headphones or a headset.", "detail": "Headphones are not supported"}
HELD = READY | {
    "state": "held", "failure": {"code": "unrecognised", "told": "Nobody knows this error: read the detail.", "detail": "E-77"},
}  # fmt: skip
ABANDONED = READY | {"state": "abandoned", "failure": _FAILED}
JOBS = {"jobs": [JOB], "next": "6zt00cwg2vgg0zqe7m2rbqk0yw"}
LINE = {"at": _CREATED, "event": "InputPassed", "from_state": "queued", "to_state": "submitting", "why": "submitted as rw-2qf7w4xv3n0p6t-1"}
STORY = {"lines": [{"at": _CREATED, "event": "Enqueued", "from_state": None, "to_state": "queued", "why": "enqueued"}, LINE]}
STREAM = 'event: line\ndata: {"event":"InputPassed","from_state":"queued","to_state":"submitting"}\nid: 2\n\nevent: end\ndata: {}\n\n'
EXPLANATION = {
    "id": ID,
    "state": "training",
    "why": "Tavus trains its replica r9f3c1 since 2026-11-01 12:00:02 UTC. For the time it has taken it is plausible.",
    "next": "Tavus is asked at 2026-11-01 14:55:10 UTC. Half of such trainings end before 2026-11-01 15:31:00 UTC, nine in ten before [...].",
    "next_at": "2026-11-01T14:55:10.000000+00:00",
    "you_can": [f"Cancel it: POST /v1/jobs/{ID}/cancel."],
}
DELETION = {"id": ID, "replica_id": "r9f3c1", "deletion": "asked for; the story says how it goes"}
RESULTS = {
    "results": [
        {"status": 201, "id": ID},
        {"status": 422, "type": "urn:replica-worker:problem:invalid-request", "title": "Unprocessable Entity", "detail": "1 problem(s)"},
    ]
}
LIMITS = {
    "account": "default", "max_trainings_a_month": 200, "max_in_flight": 20, "requests_a_minute": 60, "price": "45", "lost": "resubmit",
    "retry_after_refund": False,
}  # fmt: skip
ACCOUNTS = {
    "accounts": [
        {
            "name": "default",
            "stopped": {"failure": "out_of_credit", "at": _CREATED},
            "pace": {
                "requests_a_minute": 60, "allowed_now": 60, "sent_in_the_last_minute": 12, "paused_seconds": 0.0, "breakers": {}, "shared": True,
            },
        }
    ]
}  # fmt: skip
NOTIFICATION = {
    "id": f"msg_{ID}_7", "job_id": ID, "caller": "local", "type": "job.done", "at": _CREATED, "status": "dead", "tries": 31, "due_at": None,
    "answer": "answered 500", "answered_at": "2026-11-04T12:00:00.000000+00:00",
    "about": {"state": "done", "what_happened": "the conversation is c7a1", "conversation_id": "c7a1"},
}  # fmt: skip
NOTIFICATIONS = {"notifications": [NOTIFICATION]}
RESUMED = {"account": "default", "jobs": [ID]}
VOICES = {"account": "default", "voices": ["anna", "liam"]}
CREDITS = {
    "months": [
        {
            "account": "default", "month": "2026-11", "submissions": 12, "paid": 11, "in_doubt": 0, "failed": 1, "refunds_expected": 1,
            "refunds_assumed": 0, "at_risk": 2, "price": "45", "money_paid": "495", "refund_expected": "45", "money_at_risk": "90",
        }
    ]
}  # fmt: skip
