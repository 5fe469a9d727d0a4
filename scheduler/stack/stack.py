"""`replicas run`: the order in which the stack starts, stays and stops. What a part of it needs to know may not be here."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from scheduler.stack.broker import Embedded, require_answer
from scheduler.stack.demonstration import demonstrate, how_to_enqueue
from scheduler.stack.errors import StackError
from scheduler.stack.lock import lock
from scheduler.stack.output import LinePipe, Output
from scheduler.stack.plan import Plan, make_plan
from scheduler.stack.ports import require_free
from scheduler.stack.ready import all_ready, answers, checks_of
from scheduler.stack.sandbox import forget_earlier
from scheduler.stack.signals import Signals
from scheduler.stack.supervisor import Supervisor
from scheduler.stack.switch import Switch
from worker.settings import SettingsError

_MIGRATION = Path(__file__).with_name("migration.py")


def run(*, demo: bool = False, project: Path | None = None) -> int:
    """Start the stack, and keep it running until SIGINT, SIGTERM or SIGHUP. Returns the exit status.

    0: it was stopped as asked. 1: it could not start, and standard error says why; or the demonstration's job came to no conversation.
    `demo`: show one job's way, with a Tavus of our own; with a key of the real one nothing is submitted. `project`: the Procfile's folder.
    """
    try:
        return asyncio.run(_live(make_plan(project, is_demo=demo)))
    except (StackError, SettingsError) as wrong:
        sys.stderr.write(f"replicas run: {wrong}\n")
    except KeyboardInterrupt:  # before the loop listens: nothing was started yet
        sys.stderr.write("\n")
    return 1


async def _live(plan: Plan) -> int:
    """From the lock to the last leftover: whatever happens between, the switch ends and tidies what is left."""
    signals = Signals()
    home = plan.settings.home
    lock_file = home / "run.lock"
    held = lock(lock_file)
    if plan.sandbox:
        forget_earlier(home)
        plan.sandbox.publish(home)
    embedded = None if plan.redis_url else Embedded.under(home)
    switch = Switch(held, [lock_file, *(embedded.leftovers if embedded else ())])
    await switch.open()
    output = Output(home / "log" / "stack.log", is_quiet=plan.sandbox is not None)
    stack = _Stack(plan, embedded, output, Supervisor(output, switch, signals.hurry))
    try:
        return await stack.live(signals.stop)
    finally:
        await stack.stop()
        await switch.close()
        output.close()


class _Stack:
    """The parts of one stack, in the order of their needs."""

    def __init__(self, plan: Plan, embedded: Embedded | None, output: Output, supervisor: Supervisor) -> None:
        self._plan, self._embedded, self._output, self._supervisor = plan, embedded, output, supervisor

    async def live(self, stop: asyncio.Event) -> int:
        """Start, and stay until `stop` is set. The exit status."""
        asked = asyncio.create_task(stop.wait())
        await _unless(self._start(), asked, self._supervisor.broken)
        if asked.done():
            return 0
        self._supervisor.settle()
        self._say_where("ready")
        if not self._plan.settings.accounts:
            self._output.announce("no TAVUS_API_KEY is set: jobs are recorded and checked, and then held until there is one")
        reached = await _unless(self._demonstrate(), asked)
        await asked
        return 1 if reached is False else 0

    async def stop(self) -> None:
        """Stop whatever runs."""
        if self._supervisor.is_needed:
            self._output.say("stopping; a second Ctrl-C kills whatever takes long")
            await self._supervisor.stop()
            self._output.say("stopped")

    async def _start(self) -> None:
        plan, settings = self._plan, self._plan.settings
        require_free(settings.host, settings.port, "REPLICAS_PORT")
        require_free(settings.host, settings.flower_port, "FLOWER_PORT")
        parts = ["broker", "database", *(["sandbox"] if plan.sandbox else []), *(program.name for program in plan.programs)]
        self._output.say(f"starting {', '.join(parts)}")
        await self._start_broker()
        await self._migrate()
        if plan.sandbox:
            self._supervisor.start(plan.sandbox.program)
            await all_ready({"sandbox": answers(plan.sandbox.headshot)}, self._output)
        for program in plan.programs:
            self._supervisor.start(program)
        names = [program.name for program in plan.programs]
        checks = checks_of(names, plan.web, plan.flower, plan.flower_login, by_oauth=plan.flower_by_oauth)
        await all_ready(checks, self._output)

    async def _start_broker(self) -> None:
        if self._plan.redis_url:
            await require_answer(self._plan.redis_url)
        if self._embedded:
            os.environ["REDIS_URL"] = self._embedded.url
            self._supervisor.start(self._embedded.program)
            await all_ready({"broker": self._embedded.answers}, self._output)
            self._embedded.publish()

    async def _migrate(self) -> None:
        pipe = LinePipe("migrate", self._output)
        # A process of its own: it can be stopped while it waits for a database, and this one stays small. By its path: the rest of this package
        # need not be imported for it.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", str(_MIGRATION), stdout=pipe.write_end, stderr=pipe.write_end, start_new_session=True
        )
        try:
            status = await process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            pipe.close()
        if status:
            raise StackError(f"the database could not be migrated:\n{self._output.tail('migrate')}")

    def _say_where(self, how: str) -> None:
        plan = self._plan
        self._output.announce(
            f"{how}: board {plan.board}, Flower {plan.flower}, API {plan.web}/docs, log {self._output.path}; Ctrl-C stops everything"
        )

    async def _demonstrate(self) -> bool | None:
        plan = self._plan
        if not plan.is_demo:
            return None
        token = plan.settings.api_token.get_secret_value() if plan.settings.api_token else None
        if plan.sandbox is None:
            self._output.announce(how_to_enqueue(plan.web, needs_token=token is not None))
            return None
        reached = await demonstrate(plan.web, token, plan.sandbox.headshot)
        self._say_where("still running")
        return reached


async def _unless(work: Coroutine[Any, Any, Any], *others: asyncio.Future[Any]) -> Any:  # noqa: ANN401 - whatever the work gives
    """The result of `work`, or None when one of the others comes first; what any of them raises is raised."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task, *others}, return_when=asyncio.FIRST_COMPLETED)
        for other in others:
            if other.done():
                other.result()
        return task.result() if task.done() else None
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
