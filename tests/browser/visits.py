"""Pages opened in the browser: the board with a token, Flower with a password. It asserts nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.browser.chromium import PATIENCE
from tests.browser.stage import LOGIN, Stage


@dataclass
class Visit:
    """A page, and what went wrong on it: errors of scripts, and what the browser would not load or run."""

    page: Page
    wrong: list[str] = field(default_factory=list)

    def hear(self, message: ConsoleMessage) -> None:
        """Keep what the browser complains of."""
        if message.type in {"error", "warning"}:
            self.wrong.append(message.text)


@contextmanager
def visiting(browser: Browser, **options: Any) -> Iterator[Visit]:  # noqa: ANN401 - Playwright's own
    """A page of a browser that knows nothing yet."""
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE)
    visit = Visit(context.new_page())
    visit.page.on("console", visit.hear)
    visit.page.on("pageerror", lambda error: visit.wrong.append(str(error)))
    try:
        yield visit
    finally:
        context.close()


@contextmanager
def at_the_board(browser: Browser, stage: Stage, token: str, **options: Any) -> Iterator[Visit]:  # noqa: ANN401 - Playwright's own
    """The board, logged in."""
    with visiting(browser, **options) as visit:
        visit.page.goto(f"{stage.web}/board")
        visit.page.get_by_label("Token").fill(token)
        visit.page.get_by_role("button", name="Log in").click()
        visit.page.wait_for_url("**/board")
        yield visit


@contextmanager
def at_flower(browser: Browser, **options: Any) -> Iterator[Visit]:  # noqa: ANN401 - Playwright's own
    """Flower, with its password."""
    user, password = LOGIN
    with visiting(browser, http_credentials={"username": user, "password": password}, **options) as visit:
        yield visit
