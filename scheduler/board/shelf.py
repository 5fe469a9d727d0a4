"""Which jobs the overview shows: what was chosen by state, account and search, and where the page begins. It may not show them."""

from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query

from scheduler.api.cursors import Cursor, after, cursor_of
from scheduler.api.guard import Caller
from worker.core.job import JobId, ReplicaId
from worker.core.marks import ALPHABET
from worker.core.states import State
from worker.store.listing import Wanted

ON_PAGE = 25
HELD_ON_PAGE = 10
ID = 26
"""Characters of a job's id."""
_FIRST = ALPHABET[0]  # of every id for the next thousand years: it begins with its job's moment. A replica's begins with an r


@dataclass(frozen=True, slots=True)
class Choice:
    """What the visitor wants to see."""

    state: State | None = None
    account: str = ""
    search: str = ""
    cursor: str | None = None

    @property
    def is_narrow(self) -> bool:
        """Whether anything but the account was chosen: then those that are held have no place of their own."""
        return bool(self.state or self.search or self.cursor)

    def questions(self, caller: Caller) -> list[tuple[Wanted, JobId | None, int]]:
        """What is asked of the ledger: the page, and before it, on the first of all, the jobs that are held."""
        page = (self._wanted(caller), after(self.cursor), ON_PAGE)
        held = (Wanted(state=State.HELD, account=self.account or None, caller=caller.sees), None, HELD_ON_PAGE)
        return [page] if self.is_narrow else [page, held]

    def _wanted(self, caller: Caller) -> Wanted:
        wanted = Wanted(state=self.state, account=self.account or None, caller=caller.sees)
        if not self.search:
            return wanted
        if self.search.startswith(_FIRST) and len(self.search) <= ID and set(self.search) <= set(ALPHABET):
            return replace(wanted, prefix=self.search)
        return replace(wanted, replica_id=ReplicaId(self.search))

    def query(self, **changes: str | None) -> str:
        """The choice as a query, with these changes; a change of what is chosen begins at the first page."""
        now = {"state": self.state.value if self.state else "", "account": self.account, "q": self.search, "cursor": changes.get("cursor")}
        return urlencode({name: text for name, text in (now | changes).items() if text})


def next_of(last: JobId | None) -> str | None:
    """The cursor of the page that follows."""
    return cursor_of(last)


_Text = Annotated[str, Query(max_length=200, pattern=r"^[^\u0000]*$")]  # an empty field of a form is sent, too


def _chosen(
    state: _Text = "",
    account: _Text = "",
    q: _Text = "",
    cursor: Annotated[Cursor | None, Query()] = None,
) -> Choice:
    known = State(state) if state in set(State) else None  # a word that is no state is no filter
    return Choice(known, account.strip(), q.strip().lower(), cursor)


Chosen = Annotated[Choice, Depends(_chosen)]
