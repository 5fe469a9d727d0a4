"""A person at the board, without a browser: keeps cookies, reads forms and presses buttons as a page has them. It asserts nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx
from typing_extensions import override

from tests.scheduler.api.served import Api


@dataclass
class Form:
    """A form of a page, with what its fields hold."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _Page(HTMLParser):
    """All that a test asks of a page: its forms, its words, its tags."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if tag == "form":
            self.forms.append(Form(given.get("action") or ""))
        if tag == "input" and self.forms and given.get("name"):
            self.forms[-1].fields[str(given["name"])] = given.get("value") or ""

    @override
    def handle_data(self, data: str) -> None:
        self.words.append(data)


class Person:
    """Of one browser, at one API, or at its address."""

    def __init__(self, api: Api | str) -> None:
        self.client = httpx.Client(base_url=api if isinstance(api, str) else api.client.base_url, trust_env=False, timeout=30)
        self.seen = httpx.Response(0)

    @property
    def place(self) -> str:
        """The path of the page that is open."""
        return urlsplit(str(self.seen.url)).path

    def go(self, path: str, **headers: str) -> httpx.Response:
        """Open a page, wherever it leads."""
        self.seen = self.client.get(path, headers={name.replace("_", "-"): text for name, text in headers.items()}, follow_redirects=True)
        return self.seen

    def log_in(self, token: str) -> httpx.Response:
        """Show a token."""
        self.go("/board/login")
        return self.press("login", token=token)

    def press(self, action: str, headers: Mapping[str, str] | None = None, **fields: str) -> httpx.Response:
        """Send the form of the open page whose action ends so. Raises StopIteration when there is none."""
        form = next(one for one in self.forms if one.action.endswith(action))
        where = urljoin(str(self.seen.url), form.action)
        self.seen = self.client.post(where, data=form.fields | fields, headers=headers, follow_redirects=True)
        return self.seen

    @property
    def forms(self) -> list[Form]:
        """Those of the open page."""
        return self._read().forms

    @property
    def words(self) -> str:
        """What the open page says, without its markup."""
        return " ".join(" ".join(self._read().words).split())

    @property
    def tags(self) -> list[tuple[str, dict[str, str | None]]]:
        """Its elements."""
        return self._read().tags

    def _read(self) -> _Page:
        page = _Page()
        page.feed(self.seen.text)
        return page
