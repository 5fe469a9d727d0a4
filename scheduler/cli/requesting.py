"""How a request is given on the command line: as a file, or in parts. It may not judge one; the door does."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from worker.core.request import Start

Image = Annotated[str | None, typer.Option(help="The headshot's URL.")]
Video = Annotated[str | None, typer.Option(help="The training video's URL.")]
Voice = Annotated[str | None, typer.Option(help="A stock voice; needed with --image.")]
Name = Annotated[str | None, typer.Option(help="The replica's name.")]
WhenToStart = Annotated[
    Start | None, typer.Option("--start", help="When to open the conversation, which bills from then on: on_ready if unsaid.")
]
Account = Annotated[str | None, typer.Option(help="The Tavus account.")]
RequestFile = Annotated[Path | None, typer.Option("--request", help="A JSON file with the whole request; - is standard input.")]


def given(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a request
    """Those that were given."""
    return {name: value for name, value in fields.items() if value is not None}


def asked_for(
    file: Path | None, replica: dict[str, Any], start: Start | None, account: str | None, beside: str = "--key and --json go"
) -> object:
    """The request in the file, or of these parts: not of both."""
    rest = given(conversation=start and {"start": start.value}, account=account)
    if file is None:
        return {"replica": replica, **rest}
    if replica or rest:
        raise typer.BadParameter(f"it holds the whole request; of the other options only {beside} with it", param_hint="--request")
    text = sys.stdin.read() if str(file) == "-" else file.read_text()
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is not JSON: {error}") from None
