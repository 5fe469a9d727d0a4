"""The commands about Tavus accounts: lines that are stopped, limits, and the credit book. They may not show a key."""

from dataclasses import replace
from decimal import Decimal
from typing import Annotated

import typer

from scheduler import terminal
from scheduler.accounts import require_account, resume, standings, stock_voices
from scheduler.cli.shown import AsJson, cli, example, print_document
from scheduler.opened import opened
from scheduler.views import month_document, pace_sentence, terms_document
from worker.core.job import Lost

accounts = typer.Typer(no_args_is_help=True, help="The Tavus accounts.")
cli.add_typer(accounts, name="accounts")

_WITHOUT = "none"
_Count = Annotated[str | None, typer.Option(metavar="N", help="A number, or `none` for no limit.")]


@accounts.command("list", epilog=example("accounts list"))
def list_accounts(*, as_json: AsJson = False) -> None:
    """The accounts: which are stopped and why, and which wait for Tavus."""
    with opened() as parts:
        stops = standings(parts)
        paces = {name: pace_sentence(parts.pace.standing(name)) for name in stops}
    states = {name: f"stopped: {stop.failure} since {stop.at.isoformat()}" if stop else "runs" for name, stop in stops.items()}
    found = {name: f"{state}; {paces[name]}" if paces[name] else state for name, state in states.items()}
    print_document(found, as_json=as_json, otherwise=lambda: "\n".join(f"{name}: {state}" for name, state in found.items()))


@accounts.command("resume", epilog=example("accounts resume studio"))
def resume_account(account: Annotated[str, typer.Argument(help="The account's name.")], *, as_json: AsJson = False) -> None:
    """Let a stopped account's line go on: its key or its plan is mended."""
    with opened() as parts:
        jobs = resume(parts, account)
    document = {"account": account, "jobs": [job.id for job in jobs]}
    print_document(document, as_json=as_json, otherwise=lambda: f"{account} goes on; {len(jobs)} held jobs with it")


@cli.command(epilog=example("voices", "voices --account studio --json"))
def voices(account: Annotated[str | None, typer.Option(help="Only this account.")] = None, *, as_json: AsJson = False) -> None:
    """The stock voices that a request may name, account by account."""
    with opened() as parts:
        documents = [stock_voices(parts, one) for one in ([account] if account else standings(parts))]
    print_document(documents, as_json=as_json, otherwise=lambda: terminal.voices(documents))


@cli.command(epilog=example("limits default", "limits default --price 45 --max-trainings-a-month 200"))
def limits(
    account: Annotated[str, typer.Argument(help="The account's name.")] = "default",
    *,
    max_trainings_a_month: _Count = None,
    max_in_flight: _Count = None,
    requests_a_minute: _Count = None,
    price: Annotated[str | None, typer.Option(metavar="PRICE", help="What one training costs, or `none`.")] = None,
    lost: Annotated[Lost | None, typer.Option(help="What follows when a lost submission is proven absent.")] = None,
    retry_after_refund: Annotated[
        bool | None,
        typer.Option("--retry-after-refund/--retry-soon", help="Pay again by itself only when the failed one's refund is safe."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show an account's limits, or set some of them. They hold at once, for every worker; jobs wait for room and are never dropped."""
    with opened() as parts:
        require_account(parts, account)
        before = parts.ledger.terms(account)
        after = replace(
            before,
            max_trainings_a_month=_count(max_trainings_a_month, before.max_trainings_a_month),
            max_in_flight=_count(max_in_flight, before.max_in_flight),
            requests_a_minute=_pace(requests_a_minute, before.requests_a_minute),
            price=before.price if price is None else _price(price),
            lost=lost or before.lost,
            retry_after_refund=before.retry_after_refund if retry_after_refund is None else retry_after_refund,
        )
        if after != before:
            parts.ledger.set_terms(account, after, parts.engine.clock())
    document = terms_document(account, after)
    print_document(document, as_json=as_json, otherwise=lambda: terminal.facts(document))


@cli.command("credits", epilog=example("credits --month 2026-11"))
def credit_book(
    account: Annotated[str | None, typer.Option(help="Only this account.")] = None,
    month: Annotated[str | None, typer.Option(metavar="YYYY-MM", help="Only this month.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """The credit book: trainings paid, failed and refunded, and the money at risk, by account and month."""
    with opened() as parts:
        months = [month_document(one) for one in parts.ledger.book(parts.engine.clock(), account=account, month=month)]
    print_document(months, as_json=as_json, otherwise=lambda: terminal.book(months))


def _count(text: str | None, before: int | None) -> int | None:
    if text is None:
        return before
    if text == _WITHOUT:
        return None
    if not text.isdecimal():
        raise typer.BadParameter(f"{text!r} is neither a number nor `{_WITHOUT}`")
    return int(text)


def _pace(text: str | None, before: int | None) -> int | None:
    """A pace of nothing would stop the account for ever, and say nowhere that somebody stopped it."""
    wanted = _count(text, before)
    if wanted == 0:
        raise typer.BadParameter(
            "at least one request a minute is needed; to let an account pay for nothing, use --max-trainings-a-month 0"
        )
    return wanted


def _price(text: str) -> Decimal | None:
    if text == _WITHOUT:
        return None
    if not text.replace(".", "", 1).isdecimal():
        raise typer.BadParameter(f"{text!r} is neither a price such as 45.50 nor `{_WITHOUT}`")
    return Decimal(text)
