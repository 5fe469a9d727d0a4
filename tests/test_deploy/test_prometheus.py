"""The rules are what Prometheus takes for rules, wake somebody when they should and not else, and each names the page that says what to do."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.running import ROOT

FOLDER = ROOT / "deploy" / "prometheus"
ALERTS = (FOLDER / "alerts.yaml").read_text()
NAMES = re.findall(r"alert: (\w+)", ALERTS)
EXPECTED = {
    "ReplicasNotWorking", "ReplicasBeatSilent", "ReplicasAccountStopped", "ReplicasJobsHeld", "ReplicasMoneyAtRisk", "ReplicasBudgetNearlySpent",
    "ReplicasTooMany429", "ReplicasBreakerOpen", "ReplicasNotificationsDead", "ReplicasNotificationsLate", "ReplicasCallbacksStopped",
    "ReplicasTrainingsLate", "ReplicasFailuresRising", "ReplicasMetricsAbsent", "ReplicasAuditFound", "ReplicasRoundsLate",
    "ReplicasRecurringRefused", "ReplicasBrokerAway", "ReplicasWorkerDeaf",
}  # fmt: skip


def promtool(*words: str, folder: Path = FOLDER) -> str:
    done = subprocess.run(["promtool", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_and_the_configuration_are_what_prometheus_reads() -> None:
    assert f"{len(NAMES)} rules found" in promtool("check", "rules", "alerts.yaml")
    promtool("check", "config", "--syntax-only", "prometheus.yaml")


@pytest.mark.parametrize("file", ["minutes.yaml", "days.yaml"])
def test_each_alert_is_told_when_it_should_be_and_not_else(file: str) -> None:
    assert "SUCCESS" in promtool("test", "rules", file, folder=FOLDER / "tests")


def test_every_alert_has_a_test_in_which_it_is_told_and_one_in_which_it_is_not() -> None:
    tests = "".join(file.read_text() for file in (FOLDER / "tests").glob("*.yaml"))
    assert set(NAMES) == EXPECTED
    for name in NAMES:
        assert re.search(rf"alertname: {name}, eval_time: \w+, exp_alerts: \[\]", tests), name
        assert re.search(rf"- alertname: {name}\n", tests), name


def test_every_alert_says_what_happened_and_where_it_is_explained() -> None:
    for rule in ALERTS.split("- alert: ")[1:]:
        name = rule.partition("\n")[0]
        assert f"runbook_url: deploy/runbook.md#{name.lower()}\n" in rule
        assert "summary: " in rule
        assert re.search(r"severity: (critical|warning)", rule)
