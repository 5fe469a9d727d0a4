"""The command that looks at a picture before anything is paid for it. It may not enqueue, keep or pay anything, and needs no ledger."""

from pathlib import Path
from typing import Annotated, Any

import typer

from scheduler.cli.shown import AsJson, cli, example, print_document
from worker.assembly import limits_of
from worker.core.events import InputPassed, InputRejected, InputUnread
from worker.core.failures import POLICIES
from worker.core.request import Request
from worker.core.vision import Vision
from worker.preflight import Preflight
from worker.settings import read_settings
from worker.store.clock import utc_now
from worker.vision import Eyes, EyesMissingError

_NOT_LOOKED = "Nobody has looked for a face: that needs the optional extra `vision`."


@cli.command(epilog=example("check headshot.jpg"))
def check(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="A picture: a file, or a URL as it would be enqueued.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Say what speaks against a picture before it is paid for: its address, its form, and, with the extra `vision`, what it shows.

    Exit status 1 when it would be refused, or could not be read.
    """
    settings = read_settings()
    eyes = _eyes()
    preflight = Preflight(limits_of(settings), eyes=eyes, is_gate=settings.vision is Vision.REQUIRE)
    asked = Request(replica={"train_image_url": image})
    seen = preflight.check(asked, utc_now()) if "://" in image else preflight.check_file(Path(image))
    document = _document(seen, looked=eyes is not None)
    print_document(document, as_json=as_json, otherwise=lambda: "\n".join([document["verdict"], *document["findings"]]))
    raise typer.Exit(0 if isinstance(seen, InputPassed) else 1)


def _eyes() -> Eyes | None:
    try:
        return Eyes()
    except EyesMissingError:
        return None


def _document(seen: InputPassed | InputRejected | InputUnread, *, looked: bool) -> dict[str, Any]:
    notes = [] if looked else [_NOT_LOOKED]
    match seen:
        case InputPassed(advice=advice):
            verdict = "It would be submitted." if not advice else "It would be submitted, but Tavus may reject it:"
            return {"passes": True, "looked": looked, "failure": None, "verdict": verdict, "findings": [*advice, *notes]}
        case InputRejected(failure=failure, detail=detail):
            verdict = f"It would be refused ({failure.value}). {POLICIES[failure].told}"
            return {"passes": False, "looked": looked, "failure": failure.value, "verdict": verdict, "findings": [detail]}
        case InputUnread(detail=detail, failure=failure):
            verdict = f"It could not be read ({failure.value})."
            return {"passes": False, "looked": looked, "failure": failure.value, "verdict": verdict, "findings": [detail]}
