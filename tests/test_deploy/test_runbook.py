"""Every alert has its page and every page its alert; each says what to look at, what to do and what not to do; and every command of it works."""

import re
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from scheduler.tokens import make_token
from tests.broker import Broker
from tests.sandbox.server import Sandbox
from tests.scheduler.commands import commands_in
from tests.scheduler.made import SECRET, a_job_in, paid
from tests.test_deploy.files import DEPLOY, documents
from tests.test_deploy.pages import ALERTS, BACK_UP, PAGES, RESTORE, TEXT, Terminal, blocks, commands
from worker.assembly import Parts
from worker.core.effects import StopAccount
from worker.core.failures import Failure
from worker.core.job import Outcome
from worker.core.states import State
from worker.store.clock import utc_now
from worker.store.tokens import Scope

RULES = DEPLOY / "prometheus" / "alerts.yaml"
TYPED = [page for page in PAGES if commands(page) and page not in {BACK_UP, RESTORE}]
"""The others are typed as one, in their order: see test_restore.py."""
_LOOKS = {"doctor", "audit"}
"""They say with their exit status whether everything is in order, which it is not here."""


@pytest.mark.skipif(not RULES.exists(), reason="there are no alert rules yet")
def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    [rules] = documents(RULES)
    given = [rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule]
    assert {rule["alert"] for rule in given} == set(ALERTS)
    for rule in given:
        for value in rule.get("annotations", {}).values():
            anchors = re.findall(r"runbook\.md#([\w-]+)", str(value))
            assert anchors in ([], [rule["alert"].lower()])


@pytest.mark.parametrize("alert", ALERTS)
def test_a_page_says_what_to_ask_what_to_do_and_what_not_to_do(alert: str) -> None:
    [query] = blocks(alert, "promql")
    assert query
    assert commands(alert)
    assert re.search(r"^Do not ", PAGES[alert], re.MULTILINE)


def test_every_link_within_the_runbook_leads_somewhere() -> None:
    anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^##? (.+)$", TEXT, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= anchors


def test_no_page_tells_anybody_to_delete_or_to_submit() -> None:
    for page in PAGES:
        for line in commands(page):
            assert not re.search(r"\b(delete|enqueue|rm|DROP|flushall|purge)\b", line, re.IGNORECASE), line


@pytest.mark.parametrize("page", TYPED)
def test_every_command_of_a_page_works(page: str, parts: Parts, broker: Broker, tmp_path: Path) -> None:
    held = a_job_in(parts, State.HELD, failure=Failure.KEY_REJECTED)
    training = a_job_in(parts)
    a_job_in(parts, State.TRAINING, attempts=paid(training, Outcome.CHARGED))
    token, _ = make_token(parts, "shop", [Scope.READ])
    parts.ledger.stop(StopAccount("default", Failure.KEY_REJECTED, deaf=True), utc_now())
    with Sandbox() as tavus:
        given = {"TAVUS_PUBLIC_API_BASE_URL": tavus.url, "REPLICAS_ENCRYPTION_KEY": Fernet.generate_key().decode()}
        terminal = Terminal(commands_in(parts.settings.home, broker), tmp_path, given, "")
        for line in commands(page):
            said = terminal.type(line, ID=held.id, TOKEN_ID=token.id)
            assert said.status in ({0, 1} if line.split()[1] in _LOOKS else {0}), f"{line}: {said.err}"
            assert said.out.strip(), line
            assert "Traceback" not in said.err
            assert SECRET not in said.out + said.err
