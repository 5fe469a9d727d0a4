"""The command `python -m tests.sandbox`: reads its options, serves, and ends at once on a signal. All else is in `server`."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from tests.sandbox.accounts import Account
from tests.sandbox.clock import Clock
from tests.sandbox.durations import duration
from tests.sandbox.faults import Faults
from tests.sandbox.host import Host
from tests.sandbox.rules import CodeStyle, Rules
from tests.sandbox.server import serve

_DEFAULTS = Rules()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sandbox until SIGINT or SIGTERM."""
    options = _parser().parse_args(arguments)
    try:
        host = Host(_rules(options), Clock(options.speed), dict(options.key), _script(options.faults))
        asyncio.run(_run(host, options))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return 1
    return 0


async def _run(host: Host, options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def ready(port: int) -> None:
        if options.port_file is not None:
            # Written aside and renamed, so that whoever waits for the file never reads half a number.
            aside = options.port_file.with_suffix(".part")
            aside.write_text(f"{port}\n")
            aside.replace(options.port_file)
        sys.stdout.write(f"sandbox: listening on http://{options.host}:{port}/v2\n")
        sys.stdout.flush()

    await serve(host, options.host, options.port, ready, stop)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox", description="A small Tavus over HTTP, with a clock that can run fast.")
    add = parser.add_argument
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=0, help="0 takes a free port")
    add("--port-file", type=Path, help="write the port here when listening")
    add("--speed", type=float, default=1.0, help="virtual seconds in a real one")
    add("--typical", type=duration, default=_DEFAULTS.typical, help="typical training in virtual time, as 3h30m or in seconds")
    add("--fail-rate", type=_part, default=0.0, help="part of the unscripted trainings that fail, 0 to 1")
    add("--seed", type=int, default=0)
    add("--refund-delay", type=duration, default=_DEFAULTS.refund_delay, help="a failed replica deleted sooner loses its refund")
    add("--list-delay", type=duration, default=_DEFAULTS.list_delay, help="how late the list shows a new replica")
    add("--callback-loss", type=_part, default=0.0, help="part of the webhooks that are never sent, 0 to 1")
    add("--callback-double", type=_part, default=0.0, help="part of the webhooks that are sent twice, 0 to 1")
    add("--callback-delay", type=duration, default=_DEFAULTS.callback_delay)
    add("--max-conversations", type=int, help="concurrent conversations of an account; without it there is no limit")
    add("--code-style", type=CodeStyle, choices=list(CodeStyle), default=CodeStyle.IN_MESSAGE, help="where a failure's code stands")
    add("--faults", type=Path, help="a JSON file with a list of faults")
    add("--key", type=_key, action="append", default=[], metavar='KEY[={"training_credits": 3}]', help="only named keys are let in")
    return parser


def _rules(options: argparse.Namespace) -> Rules:
    given = vars(options)
    return Rules(**{field.name: given[field.name] for field in fields(Rules) if field.name in given})


def _script(path: Path | None) -> list[dict[str, Any]]:
    if path is None:
        return []
    material = json.loads(path.read_text())
    lines: list[dict[str, Any]] = material["faults"] if isinstance(material, dict) else material
    Faults(lines)  # refuses a bad line now, with its words, and not at the first request
    return lines


def _part(text: str) -> float:
    part = float(text)
    if not 0 <= part <= 1:
        message = f"not between 0 and 1: {text}"
        raise argparse.ArgumentTypeError(message)
    return part


def _key(text: str) -> tuple[str, dict[str, Any]]:
    key, _, rest = text.partition("=")
    settings = json.loads(rest) if rest else {}
    unknown = set(settings) - {field.name for field in fields(Account)}
    if not key or unknown:
        message = f"not an account: {text} (fields: {', '.join(field.name for field in fields(Account))})"
        raise argparse.ArgumentTypeError(message)
    return key, settings


if __name__ == "__main__":
    sys.exit(main())
