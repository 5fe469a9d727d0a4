"""Flower's settings: who may look, and what they may see. It may not show an address' query, and may not be open beyond this host.

Flower executes this file and takes the globals that are named as its options are, so no other global may have such a name (`port`, `auth`, `db`,
`debug`, `logging`, ...). What is set here wins over FLOWER_<OPTION> of the environment, and the command line over both; so whatever may be changed by
the environment asks for it here.
"""  # noqa: INP001 - a configuration file, not part of a package

import os
import re
from pathlib import Path
from typing import Any

from flower.views.monitor import Metrics as _Metrics
from tornado.web import authenticated as _authenticated

from worker.redaction import redacted
from worker.settings import SettingsError, environment, read_settings

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_JOB_ID = re.compile(r"(?<![0-9A-Za-z])[0-9a-hjkmnp-tv-z]{26}(?![0-9A-Za-z])")
_MOST_IDS = 2  # of one task: a poll asks for a hundred jobs at once, and a row is as wide as a screen
_GIVEN = environment()

try:
    _SETTINGS = read_settings()
except SettingsError as _wrong:
    raise SystemExit(f"flower: {_wrong}") from None

# The ways in, as Flower calls them: a user and a password, or people whom somebody else vouches for.
_OAUTH = ("FLOWER_AUTH", "FLOWER_AUTH_PROVIDER", "FLOWER_OAUTH2_KEY", "FLOWER_OAUTH2_SECRET", "FLOWER_OAUTH2_REDIRECT_URI")
_MISSING = [name for name in _OAUTH if not _GIVEN.get(name)]

if _SETTINGS.host not in _LOOPBACK and not (_GIVEN.get("FLOWER_BASIC_AUTH") or _GIVEN.get("FLOWER_AUTH")):
    raise SystemExit(
        f"flower: FLOWER_BASIC_AUTH=user:password is needed to listen on {_SETTINGS.host}: "
        "without it anybody who reaches this host could see every job. Set it, or REPLICAS_HOST=127.0.0.1."
    )
if _GIVEN.get("FLOWER_AUTH") and _MISSING:
    raise SystemExit(f"flower: FLOWER_AUTH lets people in by OAuth, and nobody could log in without {', '.join(_MISSING)}. Set them too.")
if not all(":" in one.strip(":") for one in filter(None, _GIVEN.get("FLOWER_BASIC_AUTH", "").split(","))):
    raise SystemExit("flower: FLOWER_BASIC_AUTH is user:password, or several of these, comma-separated. Nobody could log in as it is.")
if _GIVEN.get("FLOWER_UNAUTHENTICATED_API", "false").lower() not in {"", "0", "f", "false", "n", "no", "off"}:
    # It also sends Access-Control-Allow-Origin: *, so that any web page that somebody on this host looks at can read the tasks.
    raise SystemExit("flower: FLOWER_UNAUTHENTICATED_API opens the tasks to any web page. Unset it, and use FLOWER_BASIC_AUTH.")


def _writable(file: str) -> bool:
    """Whether the file's folder is there, or can be made, and lets us write: a container with no place to write goes without."""
    folder = Path(file).absolute().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def format_task(task: Any) -> Any:  # noqa: ANN401 - Celery's record of a task, which has no type
    """The task as pages show it: of arguments and result the job ids alone, and no secret in what went wrong."""
    for field in ("args", "kwargs", "result"):
        found = _JOB_ID.findall(str(getattr(task, field, None) or ""))
        more = [f"and {len(found) - _MOST_IDS} more"] if len(found) > _MOST_IDS else []
        setattr(task, field, ", ".join(found[:_MOST_IDS] + more))
    for field in ("exception", "traceback"):
        if text := getattr(task, field, None):
            setattr(task, field, redacted(str(text)))
    return task


# Flower tells anybody who asks how many tasks of which name ran on which host: whoever wants its metrics logs in as for its pages. Where no login is
# set, which is on loopback alone, this asks for none either. `/healthcheck` stays as it is, and says OK and nothing else.
_Metrics.get = _authenticated(_Metrics.get)

address = _SETTINGS.host
port = _SETTINGS.flower_port
# From `.env` too, which Flower itself does not read.
if _GIVEN.get("FLOWER_BASIC_AUTH"):
    basic_auth = _GIVEN["FLOWER_BASIC_AUTH"]
if _GIVEN.get("FLOWER_AUTH"):
    auth, auth_provider, oauth2_key, oauth2_secret, oauth2_redirect_uri = (_GIVEN[name] for name in _OAUTH)
if _GIVEN.get("FLOWER_URL_PREFIX", "").strip("/"):
    url_prefix = _GIVEN["FLOWER_URL_PREFIX"].strip("/")  # behind a proxy that leads there: nothing is served outside it
# Flower is a window. Whoever wants to act on a job uses the board or `replicas`, which know what must not be done to one.
read_only = _GIVEN.get("FLOWER_READ_ONLY", "true")
max_tasks = _GIVEN.get("FLOWER_MAX_TASKS", "10000")  # 8 KB each; the ledger remembers the rest
# What it has seen outlives a restart: written once, when it stops, so it costs nothing while it runs. It is a view all the same: a Flower that is
# killed begins with an empty one, and no job knows. A file that cannot be read is moved aside by Flower itself.
db = _GIVEN.get("FLOWER_DB") or str(_SETTINGS.home / "flower")
persistent = _GIVEN.get("FLOWER_PERSISTENT") or str(_writable(db)).lower()
# First the job's id, for which people look here; the last column leads to a page of the task.
tasks_columns = _GIVEN.get("FLOWER_TASKS_COLUMNS", "name,args,state,received,runtime,worker,uuid")
natural_time = _GIVEN.get("FLOWER_NATURAL_TIME", "true")
