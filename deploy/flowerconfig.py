"""Flower's settings: who may look, and what they may see. It may not show an address' query, and may not be open beyond this host.

Flower executes this file and takes the globals that are named as its options are, so no other global may have such a name (`port`, `auth`, `db`,
`debug`, `logging`, ...). What is set here wins over FLOWER_<OPTION> of the environment, and the command line over both; so whatever may be changed by
the environment asks for it here.
"""  # noqa: INP001 - a configuration file, not part of a package

import re
from typing import Any

from worker.redaction import redacted
from worker.settings import SettingsError, environment, read_settings

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_JOB_ID = re.compile(r"(?<![0-9A-Za-z])[0-9a-hjkmnp-tv-z]{26}(?![0-9A-Za-z])")
_GIVEN = environment()

try:
    _SETTINGS = read_settings()
except SettingsError as _wrong:
    raise SystemExit(f"flower: {_wrong}") from None

if _SETTINGS.host not in _LOOPBACK and not (_GIVEN.get("FLOWER_BASIC_AUTH") or _GIVEN.get("FLOWER_AUTH")):
    raise SystemExit(
        f"flower: FLOWER_BASIC_AUTH=user:password is needed to listen on {_SETTINGS.host}: "
        "without it anybody who reaches this host could see every job. Set it, or REPLICAS_HOST=127.0.0.1."
    )
if _GIVEN.get("FLOWER_UNAUTHENTICATED_API", "false").lower() not in {"", "0", "f", "false", "n", "no", "off"}:
    # It also sends Access-Control-Allow-Origin: *, so that any web page that somebody on this host looks at can read the tasks.
    raise SystemExit("flower: FLOWER_UNAUTHENTICATED_API opens the tasks to any web page. Unset it, and use FLOWER_BASIC_AUTH.")


def format_task(task: Any) -> Any:  # noqa: ANN401 - Celery's record of a task, which has no type
    """The task as pages show it: of arguments and result the job ids alone, and no secret in what went wrong."""
    for field in ("args", "kwargs", "result"):
        setattr(task, field, ", ".join(_JOB_ID.findall(str(getattr(task, field, None) or ""))))
    for field in ("exception", "traceback"):
        if text := getattr(task, field, None):
            setattr(task, field, redacted(str(text)))
    return task


address = _SETTINGS.host
port = _SETTINGS.flower_port
if _GIVEN.get("FLOWER_BASIC_AUTH"):
    basic_auth = _GIVEN["FLOWER_BASIC_AUTH"]  # from `.env` too, which Flower itself does not read
# Flower is a window. Whoever wants to act on a job uses `replicas`, which knows what must not be done to one.
read_only = _GIVEN.get("FLOWER_READ_ONLY", "true")
max_tasks = _GIVEN.get("FLOWER_MAX_TASKS", "10000")  # 8 KB each; the ledger remembers the rest
persistent = _GIVEN.get("FLOWER_PERSISTENT", "false")  # a view, not a record
natural_time = _GIVEN.get("FLOWER_NATURAL_TIME", "true")
