"""Debian's Chromium without a screen, driven by Playwright. It asserts nothing, and talks to loopback alone."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

# Without a sandbox of its own, for tests run as root in containers; without a GPU; and without a word to its maker.
_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
PATIENCE = 30_000
"""Milliseconds for whatever a page is waited for: a busy host."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, for as long as a `with` lasts. Raises FileNotFoundError where there is none: `tests/debian chromium chromium` installs it."""
    program = shutil.which("chromium")
    if program is None:
        raise FileNotFoundError("chromium is not on the path: tests/debian chromium chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, headless=True, args=list(_OPTIONS))
        try:
            yield browser
        finally:
            browser.close()
