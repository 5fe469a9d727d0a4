"""Puts the board into the API: its routes, its files, and what they share. It may not open a way around the entrance."""

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from scheduler.api.admission import Admission
from scheduler.api.places import Places
from scheduler.board import acts, live, login, routes
from scheduler.board.entrance import Entrance
from scheduler.board.pages import PREFIX, STATIC
from scheduler.board.sessions import Sessions, secret_of
from scheduler.board.standings import Book
from worker.assembly import Parts


def add_board(api: FastAPI, parts: Parts, admission: Admission) -> None:
    """Have the API answer under /board. `admission`: the API's own, so that both know the same callers."""
    api.state.board = Entrance(parts.settings, admission, Sessions(secret_of(parts.settings)))
    api.state.board_book, api.state.board_places = Book(parts), Places(live.MOST, live.FULL)
    api.mount(f"{PREFIX}/static", StaticFiles(directory=STATIC), name="board-static")
    for one in (login.routes, live.routes, acts.routes, routes.routes):
        api.include_router(one)
