"""Whatever is logged, by us or by a library, as a line or with a traceback, for a machine or for a person: no secret reaches the output."""

import ast
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import ROOT
from worker.logs import KEYS

SECRET = "S3CRETs3cret0123"  # noqa: S105 - it opens nothing
ADDRESS = f"https://bucket.s3.example/ann.jpg?X-Amz-Signature={SECRET}"
_START = f"""
import logging, structlog
from worker import logs
logs.configure()
logs.configure()
ADDRESS, KEY = {ADDRESS!r}, {SECRET!r}
log, foreign = structlog.get_logger("ours"), logging.getLogger("theirs")
def work(key, body):
    raise ValueError("no")
def chain():
    try: raise ValueError(ADDRESS)
    except ValueError as error: raise OSError("no") from error
"""
WAYS = {
    "our line": "log.info(ADDRESS)",
    "our field": "log.warning('tried', url=ADDRESS, headers={'x-api-key': KEY})",
    "our fields of fields": "log.info('tried', request={'deep': [{'url': ADDRESS, 'meeting_token': KEY}]})",
    "our exception": "try: raise ValueError(ADDRESS)\nexcept ValueError: log.exception('failed')",
    "our locals": "try: work(KEY, {'picture': ADDRESS})\nexcept ValueError: log.exception('failed')",
    "a chain": "try: chain()\nexcept OSError: log.exception('failed')",
    "their line": "foreign.warning('GET %s', ADDRESS)",
    "their arguments": "foreign.error('%(url)s', {'url': ADDRESS})",
    "their exception": "try: raise ValueError(ADDRESS)\nexcept ValueError: foreign.exception('failed')",
    "their locals": "try: work(KEY, {'picture': ADDRESS})\nexcept ValueError: foreign.exception('failed')",
    "a callback": f"foreign.warning('POST /hooks/tavus/rw-mm0000000001-1.{SECRET} 204')",
    "a bearer": "log.info('asked', authorization='Bearer ' + KEY)",
    "a password": "foreign.error('cannot connect to postgresql://replicas:%s@db.example/ledger', KEY)",
    "uvicorn": "logging.getLogger('uvicorn.error').error('at %s', ADDRESS)",
    "celery": "logging.getLogger('celery.worker').error('body was %r', {'train_image_url': ADDRESS})",
    "httpx": "logging.getLogger('httpx').info('HTTP Request: GET %s', ADDRESS); log.info('end')",
}


def logged(program: str, folder: Path) -> str:
    """What the program writes to standard error where nobody looks."""
    words = [sys.executable, "-c", _START + program]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}).stderr


def looked_at(program: str, folder: Path) -> str:
    """What the program writes where a person looks: on a terminal of 60 columns."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", _START + program], cwd=folder, stderr=theirs, env={**os.environ, "COLUMNS": "60"})
    os.close(theirs)
    pieces: list[bytes] = []
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux says so when the last writer is gone
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(ours)
    assert process.wait() == 0
    return b"".join(pieces).decode()


def everything(ways: dict[str, str]) -> str:
    return "\n".join(f"log.info('way: {name}')\n{way}" for name, way in ways.items())


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """Every way, as a machine reads it."""
    return [json.loads(line) for line in logged(everything(WAYS), tmp_path_factory.mktemp("logs")).splitlines()]


def test_for_a_machine_every_line_is_json_and_none_holds_a_secret(lines: list[dict[str, object]]) -> None:
    assert [line for line in lines if SECRET in json.dumps(line)] == []
    assert len(lines) == 2 * len(WAYS)  # each way one line, after its heading: no handler is there twice


def test_every_line_says_what_happened_first_and_when_and_where(lines: list[dict[str, object]]) -> None:
    assert {next(iter(line)) for line in lines} == {"event"}
    assert all({"timestamp", "level", "logger"} <= set(line) for line in lines)


def test_an_exception_is_in_its_line(lines: list[dict[str, object]]) -> None:
    failed = [line for line in lines if line["event"] == "failed"]
    assert len(failed) == 5
    assert all("ValueError" in str(line["exception"]) for line in failed)


def test_the_rest_of_an_address_stays(lines: list[dict[str, object]]) -> None:
    assert "https://bucket.s3.example/ann.jpg" in {line["event"] for line in lines}


def test_for_a_person_no_line_holds_a_secret_either(tmp_path: Path) -> None:
    seen = looked_at(everything(WAYS), tmp_path)
    assert SECRET not in seen
    assert "https://bucket.s3.example/ann.jpg" in seen
    assert seen.count("Traceback") >= 5


def test_libraries_that_tell_whole_addresses_are_quiet(lines: list[dict[str, object]]) -> None:
    assert "httpx" not in {line["logger"] for line in lines}


def test_what_no_list_knows_is_named_and_not_shown(tmp_path: Path) -> None:
    [line] = map(json.loads, logged("log.info('tried', job_id='j1', picture='a face', card=4242)", tmp_path).splitlines())
    assert (line["job_id"], line["picture"], line["card"]) == ("j1", "...", "...")
    seen = looked_at("log.info('tried', job_id='j1', picture='a face')", tmp_path)
    assert "j1" in seen
    assert "a face" not in seen


def test_whatever_the_program_itself_logs_is_on_the_list() -> None:
    """Where it stands: a key that is missing there would never be seen."""
    used = {
        (keyword.arg, file.name)
        for folder in ("worker", "scheduler")
        for file in (ROOT / folder).rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") in {"log", "tell"}
        for keyword in call.keywords
        if keyword.arg is not None
    }
    assert len(used) > 20
    assert {(key, file) for key, file in used if key not in KEYS} == set()


def test_a_line_says_which_task_it_belongs_to_and_about_which_job_it_is(tmp_path: Path) -> None:
    program = """
from structlog.contextvars import bind_contextvars
from tests.worker.store.made import a_job, an_attempt
from dataclasses import replace
bind_contextvars(task='replicas.poll', task_id='t1')
job = a_job(id='j1', caller='shop')
before = logs.ABOUT.set(replace(job, attempts=(an_attempt(job),)))
log.info('inside')
foreign.warning('a library, inside')
log.info('of another', job_id='j2')
logs.ABOUT.reset(before)
log.info('after')
"""
    inside, library, other, after = map(json.loads, logged(program, tmp_path).splitlines())
    for line in (inside, library):
        assert (line["task_id"], line["job_id"], line["attempt"], line["caller"]) == ("t1", "j1", 1, "shop")
    assert other["job_id"] == "j2"
    assert (after["task_id"], "job_id" in after) == ("t1", False)


def test_whoever_else_listens_to_the_programs_log_hears_our_lines_without_their_secrets(tmp_path: Path) -> None:
    listening = """
import sys
class Other(logging.Handler):
    def emit(self, record): print(record.levelname, record.name, record.getMessage(), file=sys.stderr)
logging.getLogger().handlers = [Other()]
"""
    heard = logged(f"{listening}{WAYS['our line']}\n{WAYS['our exception']}", tmp_path)
    assert [line.split()[:2] for line in heard.splitlines()] == [["INFO", "ours"], ["ERROR", "ours"]]
    assert "bucket.s3.example/ann.jpg" in heard
    assert SECRET not in heard


def test_a_line_that_cannot_be_shown_stops_nobody(tmp_path: Path) -> None:
    odd = """
class Odd:
    def __str__(self): raise RuntimeError("no")
log.info("before", why=Odd())
log.info("after")
"""
    first, second = map(json.loads, logged(odd, tmp_path).splitlines())
    assert (first["logger"], first["error"], second["event"]) == ("ours", "RuntimeError", "after")
