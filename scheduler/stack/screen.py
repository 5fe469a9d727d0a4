"""Shows a job's way: a live bar on a terminal, plain lines elsewhere. It may not ask for anything; it is told."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from scheduler.stack.journey import Glance, Line
from worker.durations import show_duration

_COLOURS = {"done": "green", "held": "yellow", "abandoned": "red", "cancelled": "red"}
_STATE_WIDTH = 10


class Screen:
    """What the person sees of the demonstration."""

    def __init__(self, console: Console) -> None:
        """Show on `console`."""
        self._console = console
        self._began: datetime | None = None
        self._shown: str | None = None
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[more]}"), TimeElapsedColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task: TaskID = self._bar.add_task("queued", total=None, more="")

    def __enter__(self) -> Self:
        """Begin."""
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Leave the story on the screen, and take the bar away."""
        self._bar.stop()

    def show(self, glance: Glance) -> None:
        """Show what is new."""
        for line in glance.news:
            self._console.print(self._of_story(line), highlight=False)
        state, progress = glance.job["state"], glance.job.get("progress")
        more = " · ".join(part for part in (progress, _eta(glance.job.get("eta"))) if part)
        if self._console.is_terminal:
            done, _, whole = (progress or "").partition("/")
            self._bar.update(self._task, description=f"[bold]{state:<{_STATE_WIDTH}}", more=more, total=float(whole) if whole else None)
            self._bar.update(self._task, completed=float(done) if done else 0.0)
        elif progress and progress != self._shown:
            self._shown = progress
            self._console.print(f"{glance.elapsed:6.1f} s  {state} {progress}", highlight=False)

    def _of_story(self, line: Line) -> str:
        at = datetime.fromisoformat(line["at"])
        self._began = self._began or at
        before, after = line.get("from_state"), line.get("to_state")
        move = f"{before} → {after}" if before and before != after else str(after)
        colour = _COLOURS.get(str(after), "cyan")
        return f"{(at - self._began).total_seconds():6.1f} s  [{colour}]{escape(f'{move:<23}')}[/] {escape(str(line.get('why') or ''))}"


def outcome(glance: Glance | None) -> str:
    """The last word on the job."""
    if glance is None or not glance.is_last:
        return "The job is still under way; Flower and the log show where it is."
    if glance.conversation_url:
        return f"From a headshot to a conversation in {show_duration(timedelta(seconds=glance.elapsed))}: {glance.conversation_url}"
    failure: Mapping[str, Any] = glance.job.get("failure") or {}
    return f"The job is {glance.job['state']}: {failure.get('told') or 'without a reason'} {failure.get('detail') or ''}".strip()


def _eta(eta: Mapping[str, str | float] | None) -> str:
    return f"{show_duration(_left(eta['p50']))} to {show_duration(_left(eta['p90']))} left" if eta else ""


def _left(end: str | float) -> timedelta:
    """The time until `end`: a moment, or the seconds until then."""
    if isinstance(end, str):
        return max(datetime.fromisoformat(end) - datetime.now(UTC), timedelta(0))
    return timedelta(seconds=end)
