"""Whether the parts of the stack answer yet. It may not start or end any of them."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping

import httpx

from scheduler.stack.errors import StackError
from scheduler.stack.output import Output

Check = Callable[[], Awaitable[bool]]

_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 90.0  # a slow disk, a cold cache and a busy CPU together; a part that is broken ends sooner by itself
_ANSWER_SECONDS = 5.0
# Flower has heard this worker's heartbeat over the broker: all three work. Asked of Flower, since asking the worker itself needs the whole app here.
_WORKER_IS_ONLINE = re.compile(r"^flower_worker_online\{.*\} 1", re.MULTILINE)


async def all_ready(checks: Mapping[str, Check], output: Output) -> None:
    """Wait for every check. Raises StackError, quoting those that still say no when patience is over."""
    waiting = {name: asyncio.create_task(_until(check)) for name, check in checks.items()}
    try:
        _, late = await asyncio.wait(waiting.values(), timeout=_PATIENCE_SECONDS)
        if late:
            names = [name for name, task in waiting.items() if task in late]
            lines = "\n".join(filter(None, map(output.tail, names)))
            raise StackError(
                f"no answer from {', '.join(names)} in {_PATIENCE_SECONDS:g} s. The last lines:\n{lines}\nAll lines: {output.path}"
            )
    finally:
        for task in waiting.values():
            task.cancel()


def answers(url: str, content: re.Pattern[str] | None = None, login: tuple[str, str] | None = None) -> Check:
    """A check that `url` is answered with 200, and with `content` somewhere in the body. `login`: a user and a password."""

    async def check() -> bool:
        try:
            # trust_env: a proxy of the environment is not for loopback.
            async with httpx.AsyncClient(trust_env=False, timeout=_ANSWER_SECONDS, auth=login) as client:
                answer = await client.get(url)
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK and (content is None or content.search(answer.text) is not None)

    return check


def checks_of(
    names: Iterable[str], web: str, flower: str, login: tuple[str, str] | None = None, *, by_oauth: bool = False
) -> dict[str, Check]:
    """What is asked of the processes of these names. A worker that no Flower hears is not waited for, nor where only people can ask Flower.

    `login`: who may ask Flower, where it lets in nobody else. `by_oauth`: it lets people in whom somebody else vouches for.
    """
    known = {
        "web": answers(f"{web}/livez"),
        "flower": answers(f"{flower}/healthcheck"),
        "worker": answers(f"{flower}/metrics", _WORKER_IS_ONLINE, login),
    }
    present = {name: known[name] for name in names if name in known}
    if "flower" not in present or by_oauth:
        present.pop("worker", None)
    return present


async def _until(check: Check) -> None:
    while not await check():  # noqa: ASYNC110 - the others are processes: they can only be asked
        await asyncio.sleep(_LOOK_SECONDS)
