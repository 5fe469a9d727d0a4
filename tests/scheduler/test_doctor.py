"""The doctor says of each part whether it is in order, and what to do; it is right about a sound installation, and about each thing that is not."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler import doctor
from scheduler.doctor import Check, Verdict
from tests.broker import Broker
from tests.sandbox.server import Sandbox
from tests.scheduler.commands import Commands, commands_in
from tests.scheduler.made import SECRET, a_job_in, in_hours
from worker.assembly import Parts
from worker.core.effects import StopAccount
from worker.core.failures import Failure
from worker.core.job import Terms
from worker.core.states import State
from worker.counted import CANARIES
from worker.store.clock import utc_now
from worker.store.migrate import Revision
from worker.tavus.client import Answer, Cut, NotSent, Reply

HOUR = timedelta(hours=1)


@pytest.fixture
def replicas(home: Path, broker: Broker) -> Commands:
    """The command line on the ledger of `parts`."""
    return commands_in(home, broker)


def said(replicas: Commands, **variables: str) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit status, and the checks by name."""
    told = replicas("doctor", "--json", **variables)
    assert "Traceback" not in told.err
    assert SECRET not in told.out + told.err
    return told.status, {one["name"]: one for one in json.loads(told.out)}


@pytest.mark.parametrize(
    ("check", "verdict", "word"),
    [
        (doctor.settings(None), Verdict.OK, "read"),
        (doctor.settings("REPLICAS_LEASE: is no duration"), Verdict.NOT_OK, "REPLICAS_LEASE"),
        (doctor.encryption(has_key=True), Verdict.OK, "sealed"),
        (doctor.encryption(has_key=False), Verdict.ADVICE, "REPLICAS_ENCRYPTION_KEY"),
        (doctor.database(Revision("0010", "0010", is_known=True)), Verdict.OK, "0010"),
        (doctor.database(Revision("0009", "0010", is_known=True)), Verdict.NOT_OK, "replicas migrate"),
        (doctor.database(Revision(None, "0010", is_known=True)), Verdict.NOT_OK, "replicas migrate"),
        (doctor.database(Revision("0011", "0010", is_known=False)), Verdict.ADVICE, "newer"),
        (doctor.database(None, "it is away"), Verdict.NOT_OK, "it is away"),
        (doctor.broker(None), Verdict.OK, "answers"),
        (doctor.broker("it is away"), Verdict.NOT_OK, "REDIS_URL"),
        (doctor.canary(None), Verdict.OK, "took"),
        (doctor.canary("none came", "Start beat."), Verdict.NOT_OK, "Start beat"),
        (doctor.workers(None), Verdict.OK, "each"),
        (doctor.workers("one is deaf", "Restart it."), Verdict.NOT_OK, "Restart"),
        (doctor.clock(None), Verdict.OK, "own"),
        (doctor.clock(timedelta(seconds=-1)), Verdict.OK, "agrees"),
        (doctor.clock(timedelta(seconds=90)), Verdict.NOT_OK, "1m 30s ahead"),
        (doctor.clock(timedelta(seconds=-90)), Verdict.NOT_OK, "1m 30s behind"),
        (doctor.due({}), Verdict.OK, "nothing"),
        (doctor.due({("queued", "studio"): HOUR}), Verdict.NOT_OK, "queued jobs of studio for more than 1h"),
        (doctor.beat(None, utc_now(), HOUR), Verdict.NOT_OK, "ever"),
        (doctor.beat(in_hours(-1), utc_now(), HOUR), Verdict.OK, "ago"),
        (doctor.beat(in_hours(-2), utc_now(), HOUR), Verdict.NOT_OK, "every 1h"),
        (doctor.no_account(), Verdict.NOT_OK, "TAVUS_API_KEY"),
    ],
)
def test_each_fact_is_judged_and_said_with_what_to_do(check: Check, verdict: Verdict, word: str) -> None:
    assert check.verdict is verdict
    assert word in f"{check.found} {check.do}"
    assert bool(check.do) == (verdict is not Verdict.OK)


@pytest.mark.parametrize(
    ("reply", "verdict", "word"),
    [
        (Answer(200, {"data": []}), Verdict.OK, "takes it"),
        (Answer(401, {"message": "Invalid access token"}), Verdict.NOT_OK, "accounts resume studio"),
        (Answer(402, {"message": "out of credits"}), Verdict.NOT_OK, "plan is used up"),
        (Answer(429, {}), Verdict.ADVICE, "slow down"),
        (Answer(503, {}), Verdict.NOT_OK, "503"),
        (NotSent("it pauses", retry_after=timedelta(seconds=30)), Verdict.ADVICE, "30s"),
        (NotSent("there is no usable key", keyless=True), Verdict.NOT_OK, "no usable key"),
        (NotSent("ConnectError"), Verdict.NOT_OK, "TAVUS_PUBLIC_API_BASE_URL"),
        (Cut("ReadTimeout"), Verdict.NOT_OK, "not reached"),
    ],
)
def test_each_answer_of_tavus_is_judged(reply: Reply, verdict: Verdict, word: str) -> None:
    check = doctor.key("studio", reply)
    assert check.verdict is verdict
    assert word in f"{check.found} {check.do}"
    assert doctor.is_reached(reply) == (verdict is Verdict.OK)


def test_where_everything_is_in_order_it_says_so(replicas: Commands, parts: Parts) -> None:
    parts.ledger.keep_voices("default", ["anna"], utc_now())
    parts.ledger.add_tallies({CANARIES: 1.0}, utc_now())
    a_job_in(parts, State.TRAINING, in_hours(1))
    with Sandbox() as tavus:
        status, checks = said(replicas, TAVUS_PUBLIC_API_BASE_URL=tavus.url)
        told = replicas("doctor", TAVUS_PUBLIC_API_BASE_URL=tavus.url)
        asked = tavus.ledger()["requests"]["by_kind"]
    assert {name: one["verdict"] for name, one in checks.items()} == {
        "settings": "ok", "encryption": "advice", "broker": "ok", "database": "ok", "clock": "ok", "due jobs": "ok", "canary": "ok",
        "workers": "ok", "beat": "ok", "key of default": "ok", "key of studio": "ok",
    }  # fmt: skip
    assert (status, told.status, len(told.out.splitlines())) == (0, 0, len(checks))
    assert set(asked) == {"list_voices"}, "nothing is paid for"


def test_a_job_that_nobody_looks_at_is_found_with_how_long_it_has_waited(replicas: Commands, parts: Parts) -> None:
    a_job_in(parts, State.TRAINING, in_hours(-2))
    a_job_in(parts, State.QUEUED, in_hours(-2), account="studio")
    parts.ledger.stop(StopAccount("studio", Failure.OUT_OF_CREDIT, deaf=False), utc_now())  # who is stopped waits for a person
    status, checks = said(replicas, TAVUS_PUBLIC_API_BASE_URL="http://127.0.0.1:1/v2")
    assert status == 1
    assert checks["due jobs"]["found"].endswith("training jobs of default for more than 1h")
    assert "not reached" in checks["key of default"]["found"]
    assert "beat" not in checks, "where Tavus is away its voices cannot have been read"


def test_what_waits_for_its_account_s_pace_is_no_fault(replicas: Commands, parts: Parts) -> None:
    parts.ledger.set_terms("default", Terms(requests_a_minute=1), utc_now())
    a_job_in(parts, State.QUEUED, in_hours(-2))
    with Sandbox() as tavus:
        parts_there = said(replicas, TAVUS_PUBLIC_API_BASE_URL=tavus.url)
        assert parts_there[1]["due jobs"]["verdict"] == "not ok"
        assert parts_there[1]["key of default"]["verdict"] == "ok"  # which takes the one permit of this minute
        again = said(replicas, TAVUS_PUBLIC_API_BASE_URL=tavus.url)[1]
    assert again["due jobs"]["verdict"] == "ok"
    assert again["key of default"]["verdict"] == "advice"


def test_a_database_or_a_broker_that_is_away_is_named_without_its_password(replicas: Commands) -> None:
    for url in (f"postgresql://replicas:{SECRET}@127.0.0.1:1/none", ""):
        status, checks = said(
            replicas, DATABASE_URL=url, REDIS_URL=f"redis://:{SECRET}@127.0.0.1:1/0", TAVUS_PUBLIC_API_BASE_URL="http://127.0.0.1:1/v2"
        )
        assert status == 1
        assert "does not answer" in checks["broker"]["found"]
        assert (checks["database"]["verdict"] == "not ok") == bool(url)


def test_a_home_without_a_ledger_stays_without_one(replicas: Commands, tmp_path: Path) -> None:
    status, checks = said(replicas, REPLICAS_HOME=str(tmp_path / "new"))
    assert (status, checks["database"]["verdict"]) == (1, "not ok")
    assert "there is no ledger" in checks["database"]["found"]
    assert not (tmp_path / "new").exists()
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "ledger.db").touch()
    assert "replicas migrate" in said(replicas, REPLICAS_HOME=str(tmp_path / "bare"))[1]["database"]["do"]


def test_settings_that_make_no_program_are_all_that_is_said(replicas: Commands) -> None:
    status, checks = said(replicas, REPLICAS_LEASE="soon")
    assert (status, list(checks)) == (1, ["settings"])
    assert "REPLICAS_LEASE" in checks["settings"]["found"]
