"""The commands about callers' tokens: make one, list them, revoke some. They may show a token once, when it is made, and never again."""

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Column, Table
from rich.text import Text

from scheduler.cli.shown import AsJson, cli, example, print_document
from scheduler.opened import opened
from scheduler.tokens import make_token
from worker.durations import parse_duration
from worker.store.tokens import Scope, Token

tokens = typer.Typer(no_args_is_help=True, help="The tokens of those who call the API.")
cli.add_typer(tokens, name="tokens")

_USUAL = [Scope.ENQUEUE, Scope.READ]


@tokens.command("make", epilog=example("tokens make shop --scope enqueue --scope read --expires 90d"))
def make(
    caller: Annotated[str, typer.Argument(metavar="NAME", help="Who will call with it: a service, a team. It sees its own jobs alone.")],
    *,
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help="enqueue: make jobs and decide about them; read: look at them; operate: accounts. The first two, if unsaid."),
    ] = None,
    expires: Annotated[str | None, typer.Option(metavar="DURATION", help="How long it holds, such as 90d: for ever, if unsaid.")] = None,
    requests_a_minute: Annotated[int | None, typer.Option(min=1, help="A limit of its own, instead of the setting's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token and show it, this once: it is kept nowhere. It holds at once."""
    lasts = None if expires is None else parse_duration(expires)
    with opened() as parts:
        token, text = make_token(parts, caller, scope or _USUAL, lasts=lasts, requests_a_minute=requests_a_minute)
    if as_json:
        print_document(_document(token) | {"token": text}, as_json=True, otherwise=None)
        return
    until = f"until {token.expires_at.isoformat()}" if token.expires_at else "until it is revoked"
    sys.stderr.write(f"{token.id}: {caller} may {', '.join(sorted(token.scopes))} with it {until}. It is shown this once:\n")
    sys.stdout.write(f"{text}\n")  # alone, so that a script can take it


@tokens.command("list", epilog=example("tokens list"))
def list_tokens(*, as_json: AsJson = False) -> None:
    """Every token: whose it is, what it is for, and when it was last used. Not the tokens themselves, which nobody has but their callers."""
    with opened() as parts:
        documents = [_document(token) for token in parts.ledger.tokens.every()]
    print_document(documents, as_json=as_json, otherwise=lambda: _table(documents))


@tokens.command("revoke", epilog=example("tokens revoke shop"))
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A token's id, or a caller's name for all of its tokens.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Revoke a token, or all of a caller, for ever. Within seconds no process lets anybody in with it; the caller's jobs go on."""
    with opened() as parts:
        revoked = parts.ledger.tokens.revoke(name, parts.engine.clock())
    if not revoked:
        raise ValueError(f"there is no token {name[:60]!r} that could be revoked; `replicas tokens list` shows them")
    lines = [f"{token.id} of {token.caller} is revoked" for token in revoked]
    print_document([_document(token) for token in revoked], as_json=as_json, otherwise=lambda: "\n".join(lines))


def _document(token: Token) -> dict[str, Any]:
    moments = ("created_at", "expires_at", "revoked_at", "last_used_at")
    told = {name: moment.isoformat() if (moment := getattr(token, name)) else None for name in moments}
    return {"id": token.id, "caller": token.caller, "scopes": sorted(token.scopes), "requests_a_minute": token.requests_a_minute, **told}


def _table(documents: Sequence[Mapping[str, Any]]) -> RenderableType:
    if not documents:
        return Text("no tokens yet; `replicas tokens make NAME` makes one", style="dim")
    table = Table(Column("id", no_wrap=True), "caller", "may", "holds", "last used (UTC)", box=None, header_style="dim")
    for one in documents:
        last = "never" if one["last_used_at"] is None else one["last_used_at"][:16].replace("T", " ")
        table.add_row(one["id"], Text(one["caller"]), ", ".join(one["scopes"]), _holds(one), last)
    return table


def _holds(document: Mapping[str, Any]) -> Text:
    if document["revoked_at"]:
        return Text(f"revoked {document['revoked_at'][:10]}", style="red")
    return Text(f"until {document['expires_at'][:10]}" if document["expires_at"] else "until it is revoked")
