"""Each command does what its help says, on the ledger itself; whatever goes wrong is one sentence and exit status 1, never a traceback."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.broker import Broker
from tests.sandbox.server import Sandbox
from tests.scheduler.bad import BAD
from tests.scheduler.commands import Commands, Said, commands_in
from tests.scheduler.made import PICTURE, SECRET, a_job_in, a_request, at_tavus, in_hours, opened, paid, rows, trained
from tests.scheduler.workers import BIN, variables_of
from tests.worker.store.made import changed
from worker.app import OPEN, SUBMIT
from worker.assembly import Parts
from worker.core.effects import StopAccount
from worker.core.failures import Failure
from worker.core.job import Outcome
from worker.core.states import State
from worker.store.clock import utc_now

HEADSHOT = ("enqueue", "--image", PICTURE, "--voice", "anna")


@pytest.fixture
def replicas(home: Path, broker: Broker) -> Commands:
    """The command line on the ledger of `parts`."""
    return commands_in(home, broker)


def complaint(said: Said) -> str:
    """What was complained of: one sentence, and nothing on standard output."""
    assert (said.status, said.out) == (1, "")
    assert said.err.startswith("replicas: ")
    assert "Traceback" not in said.err
    assert SECRET not in said.err
    return said.err.removeprefix("replicas: ").strip()


def test_enqueue_records_a_job_rings_for_it_and_shows_it(replicas: Commands, parts: Parts, broker: Broker) -> None:
    said = replicas(*HEADSHOT, "--name", "Ann", "--start", "on_demand", "--account", "studio", "--json")
    document = json.loads(said.out)
    job = parts.ledger.get(document["id"])
    assert (said.status, said.err, document["state"], document["account"]) == (0, "", "queued", "studio")
    assert job.request.replica["replica_name"] == "Ann"
    assert job.request.start == "on_demand"
    assert broker.waiting(SUBMIT) == 1
    assert SECRET not in said.out


def test_a_key_makes_the_same_request_the_same_job(replicas: Commands) -> None:
    first, again = (replicas(*HEADSHOT, "--key", "k1", "--json") for _ in range(2))
    assert json.loads(first.out)["id"] == json.loads(again.out)["id"]
    assert json.loads(first.out)["id"] in complaint(replicas(*HEADSHOT, "--key", "k1", "--name", "Bob"))


@pytest.mark.parametrize("word", ["file", "-"])
def test_a_whole_request_comes_from_a_file_or_standard_input(replicas: Commands, parts: Parts, word: str) -> None:
    document = json.dumps(a_request(priority=3, metadata={"order": 7}))
    (replicas.home / "file").write_text(document)
    found = json.loads(replicas("enqueue", "--request", word, "--key", "k1", "--json", typed=document).out)
    job = parts.ledger.get(found["id"])
    assert (job.priority, job.idempotency_key, job.request.metadata) == (3, "k1", {"order": 7})


def test_a_key_that_differs_from_the_request_s_own_is_refused(replicas: Commands) -> None:
    document = json.dumps(a_request(idempotency_key="k2"))
    assert "idempotency_key differs" in complaint(replicas("enqueue", "--request", "-", "--key", "k1", typed=document))


def test_a_whole_request_goes_with_no_option_that_it_would_swallow(replicas: Commands) -> None:
    said = replicas("enqueue", "--request", "-", "--image", PICTURE, typed=json.dumps(a_request()))
    assert said.status == 2
    assert "--request" in said.err


@pytest.mark.parametrize(("document", "fields"), BAD.values(), ids=BAD)
def test_a_bad_request_is_refused_with_every_problem_and_stores_nothing(
    strict: Parts, broker: Broker, document: object, fields: set[str]
) -> None:
    before = rows(strict)
    replicas = commands_in(strict.settings.home, broker)
    first, *lines = complaint(replicas("enqueue", "--request", "-", typed=json.dumps(document))).splitlines()
    assert "nothing was stored" in first
    assert {
        next((field for field in sorted(fields, reverse=True) if line.strip().startswith(f"{field} ")), line) for line in lines
    } == fields
    assert rows(strict) == before


def test_show_tells_where_a_job_is(replicas: Commands, parts: Parts) -> None:
    job = a_job_in(parts, State.HELD, failure=Failure.KEY_REJECTED, detail="[/red] not accepted")
    assert json.loads(replicas("show", job.id, "--json").out)["failure"]["code"] == "key_rejected"
    assert "[/red] not accepted" in replicas("show", job.id).out


def test_story_tells_what_happened(replicas: Commands, parts: Parts) -> None:
    job = a_job_in(parts, State.HELD)
    assert [line["event"] for line in json.loads(replicas("story", job.id, "--json").out)] == ["Enqueued", "CallbackReceived"]
    assert "queued -> held" in replicas("story", job.id).out


def test_list_shows_the_newest_first_and_can_choose(replicas: Commands, parts: Parts) -> None:
    assert "no jobs yet" in replicas("list").out
    ids = [a_job_in(parts, state).id for state in (State.QUEUED, State.HELD, State.DONE)]
    assert [job["id"] for job in json.loads(replicas("list", "--json").out)] == ids[::-1]
    assert [job["id"] for job in json.loads(replicas("list", "--state", "held", "--json").out)] == [ids[1]]
    assert [job["id"] for job in json.loads(replicas("list", "--limit", "1", "--json").out)] == [ids[2]]
    assert "1 done, 1 held, 1 queued" in replicas("list").out


def test_watch_ends_with_the_job(replicas: Commands, parts: Parts) -> None:
    job = a_job_in(parts, State.CANCELLED)
    assert f"{job.id} cancelled" in replicas("watch", job.id).out


def test_cancel_release_abandon_and_open_do_so_and_say_why(replicas: Commands, parts: Parts, broker: Broker) -> None:
    queued, held, given_up, ready = (a_job_in(parts, state) for state in (State.QUEUED, State.HELD, State.HELD, State.READY))
    ready = changed(parts.ledger, ready, attempts=paid(ready, Outcome.TRAINED))
    broker.client.flushall()
    assert replicas("cancel", queued.id).out == f"{queued.id} is cancelled: cancelled\n"
    assert replicas("release", held.id).out.startswith(f"{held.id} is queued: released")
    assert replicas("abandon", given_up.id).out == f"{given_up.id} is abandoned: given up by a person\n"
    assert replicas("open", ready.id).out.startswith(f"{ready.id} is opening: ")
    assert (broker.waiting(SUBMIT), broker.waiting(OPEN)) == (1, 1)


def test_what_is_not_possible_is_told_with_the_reason(replicas: Commands, parts: Parts) -> None:
    job = a_job_in(parts, State.DONE)
    assert "Only a held job can be released" in complaint(replicas("release", job.id))
    assert "The job is over" in complaint(replicas("cancel", job.id))
    assert parts.ledger.get(job.id) == job


def test_a_failed_replica_is_not_deleted_before_its_refund_is_safe(replicas: Commands, parts: Parts) -> None:
    job = a_job_in(parts)
    attempts = paid(job, Outcome.FAILED, deletable_at=in_hours(5))
    job = a_job_in(parts, State.ABANDONED, attempts=attempts)
    assert "refund" in complaint(replicas("delete", job.id))
    assert replicas("delete", job.id, "--hard", typed="n\n").status == 1
    assert parts.ledger.get(job.id) == job


def test_a_trained_replica_is_deleted_at_tavus(replicas: Commands, parts: Parts) -> None:
    with Sandbox() as tavus, opened(at_tavus(parts.settings, tavus)) as there:
        job = trained(there, tavus)
        said = replicas("delete", job.id, TAVUS_PUBLIC_API_BASE_URL=tavus.url)
        assert said.out == f"{job.id} is ready: {job.replica_id} was deleted\n"
        assert tavus.ledger()["requests"]["by_kind"]["delete_replica"] == 1


def test_accounts_are_listed_and_a_stopped_one_is_resumed(replicas: Commands, parts: Parts) -> None:
    held = a_job_in(parts, State.HELD, failure=Failure.KEY_REJECTED)
    parts.ledger.stop(StopAccount("default", Failure.KEY_REJECTED, deaf=True), utc_now())
    found = json.loads(replicas("accounts", "list", "--json").out)
    assert found["studio"] == "runs"
    assert found["default"].startswith("stopped: key_rejected since ")
    assert replicas("accounts", "resume", "default").out == "default goes on; 1 held jobs with it\n"
    assert "default: runs" in replicas("accounts", "list").out
    assert parts.ledger.get(held.id).state is State.QUEUED


@pytest.mark.parametrize("name", ["nobody", "[/red]"])
def test_an_account_that_nobody_knows_is_not_resumed(replicas: Commands, name: str) -> None:
    assert "default, studio" in complaint(replicas("accounts", "resume", name))


@pytest.mark.parametrize("word", ["show", "story", "watch", "cancel", "release", "abandon", "open", "delete"])
def test_an_unknown_job_is_one_sentence(replicas: Commands, word: str) -> None:
    for job_id in ("0000000000000000mm00000001", PICTURE, "[/red]"):
        assert complaint(replicas(word, job_id)).startswith("there is no job ")


@pytest.mark.parametrize("typed", ["", "{", "{'replica': 1}", "[" * 100_000, f'{{"replica": "{PICTURE}"'])
def test_a_file_that_is_no_json_is_one_sentence(replicas: Commands, typed: str) -> None:
    assert "is not JSON" in complaint(replicas("enqueue", "--request", "-", typed=typed))


def test_a_file_that_cannot_be_read_is_one_sentence(replicas: Commands) -> None:
    assert "no-such-file" in complaint(replicas("enqueue", "--request", "no-such-file"))
    (replicas.home / "binary").write_bytes(b"\xff\xfe\xfa")
    complaint(replicas("enqueue", "--request", "binary"))


@pytest.mark.parametrize("words", [HEADSHOT, ("list",), ("show", "one"), ("accounts", "list"), ("cancel", "one")], ids=" ".join)
def test_an_unprepared_ledger_is_one_sentence_that_says_what_to_do(replicas: Commands, tmp_path: Path, words: tuple[str, ...]) -> None:
    assert "Start `replicas run`" in complaint(replicas(*words, REPLICAS_HOME=str(tmp_path / "new")))
    assert not (tmp_path / "new").exists()
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "ledger.db").touch()
    assert "replicas migrate" in complaint(replicas(*words, REPLICAS_HOME=str(tmp_path / "bare")))


@pytest.mark.parametrize("words", [HEADSHOT, ("list",), ("migrate",)], ids=" ".join)
def test_a_database_that_is_away_is_one_sentence(replicas: Commands, words: tuple[str, ...]) -> None:
    text = complaint(replicas(*words, DATABASE_URL=f"postgresql://replicas:{SECRET}@127.0.0.1:1/none"))
    assert "database" in text
    assert len(text.splitlines()) == 1


def test_a_wrong_setting_is_one_sentence_with_its_name(replicas: Commands) -> None:
    assert complaint(replicas("list", REPLICAS_LEASE="soon")).startswith("REPLICAS_LEASE: ")


def test_without_a_broker_a_job_is_recorded_all_the_same(replicas: Commands, parts: Parts) -> None:
    said = replicas(*HEADSHOT, "--json", REDIS_URL="redis://127.0.0.1:1/0")
    assert said.status == 0
    assert parts.ledger.get(json.loads(said.out)["id"]).due_at is not None


def test_the_command_itself_prepares_a_ledger_and_uses_it(tmp_path: Path, broker: Broker) -> None:
    variables = variables_of(REPLICAS_HOME=str(tmp_path), REDIS_URL=broker.url, TAVUS_API_KEY="k")

    def replicas(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([BIN / "replicas", *words], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)

    assert replicas("migrate").stdout == "the database is up to date\n"
    assert json.loads(replicas(*HEADSHOT, "--json").stdout)["state"] == "queued"
    refused = replicas("show", "nobody")
    assert (refused.returncode, refused.stdout, len(refused.stderr.splitlines())) == (1, "", 1)
