"""The command `python -m tests.browser.pictures`: takes the README's pictures of Flower and the board, of a demonstration that it starts. No test."""

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser.chromium import chromium
from tests.browser.stage import KINDS, OWNER, Stage, staged
from tests.browser.visits import at_flower, at_the_board
from tests.running import ROOT
from worker.core.failures import Failure

FOLDER = ROOT / "deploy" / "pictures"
_SIZE: dict[str, Any] = {"viewport": {"width": 1180, "height": 860}, "device_scale_factor": 1.5}
_WIDE: dict[str, Any] = {"viewport": {"width": 1480, "height": 900}, "device_scale_factor": 1.2}


def main() -> int:
    """Take all of them."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, staged(Path(folder)) as stage, chromium() as browser:
        job = _fill(stage)
        for scheme in ("light", "dark"):
            with at_the_board(browser, stage, OWNER, color_scheme=scheme, **_SIZE) as visit:
                visit.page.locator(".band").first.wait_for()
                _take(visit.page, f"board-{scheme}")
                visit.page.goto(f"{stage.web}/board/jobs/{stage.job}")
                _take(visit.page, f"job-{scheme}")
        _flower(browser, stage, job)
    return 0


def _fill(stage: Stage) -> str:
    """Jobs in several states, some of which are half through; one whose caller will be told."""
    job = stage.enqueue("shown", notify_url=stage.notify_url)
    stage.enqueue("a-celebrity", outcome=Failure.CELEBRITY_FOUND.value)
    for number in range(2):
        stage.enqueue(f"more-{number}", stage.token if number else OWNER)
    stage.until(lambda: any((one["progress"] or "").startswith("37") for one in stage.call("GET", "/jobs?state=training")["jobs"]))
    stage.enqueue("the-newest")
    return job


def _flower(browser: Browser, stage: Stage, job: str) -> None:
    stage.until(lambda: stage.state_of(job) == "done")
    with at_flower(browser, **_WIDE) as visit:
        visit.page.goto(f"{stage.flower}/tasks")
        visit.page.get_by_role("searchbox").fill(f"args:{job}")
        for kind in KINDS:
            visit.page.locator("#tasks-table tbody tr", has_text=kind).first.wait_for()
        _take(visit.page, "flower")


def _take(page: Page, name: str) -> None:
    page.wait_for_timeout(400)  # until fonts and transitions have come to rest
    seen = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    # 256 colours are plenty for words; by octree, for the usual way spends them on the many shades of grey and none on the one red word.
    seen.quantize(method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(FOLDER / f"{name}.png", optimize=True)


if __name__ == "__main__":
    sys.exit(main())
