"""When to look: every policy over the same trainings, without a system around it. No network and no clock: a seed gives the same figures.

`python -m tests.benchmarks.policies` prints them, and draws lag against requests.
"""

import random
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from statistics import fmean

from rich.console import Console

from tests.benchmarks.figures import Figure, show
from tests.benchmarks.options import Options
from tests.benchmarks.truths import FAMILY, HOUR, PRIOR, Truth, cost, knowing
from worker.core.calling import RECENT, Ending, missed_share
from worker.core.learned import thinned
from worker.core.learning import lesson_of
from worker.core.polling import Plan
from worker.core.rules import Rules

BENCH = "policies"
BATCH = 100  # ids in a full list call
TYPICAL = 3.5 * HOUR
_TRAININGS, _SEEDS, _LEARNED_FROM = 3000, 8, 20
_DAY = datetime(2026, 11, 1, tzinfo=UTC)  # any
_CALL_SECONDS = 2.0  # until a callback is here and the look that it asks for is made

Policy = Callable[[float, random.Random], tuple[int, float]]
"""For a training that takes so many seconds: how many looks are made at it, and how many seconds after its end the last of them is."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a policy costs and how soon it knows. Lags in percent of the typical time."""

    name: str
    looks: float
    mean: float
    p95: float


def fixed(seconds: float) -> Policy:
    """A look every so many seconds."""

    def look(end: float, chance: random.Random) -> tuple[int, float]:
        begin = chance.random() * seconds
        made = max(int((end - begin) // seconds) + 1, 0)
        return made + 1, begin + made * seconds - end

    return look


def exponential(first: float, most: float) -> Policy:
    """Waits that double up to a cap, the upper half of each by chance."""

    def look(end: float, chance: random.Random) -> tuple[int, float]:
        at, made, wait = 0.0, 0, first
        while at < end:
            at += wait * (0.5 + 0.5 * chance.random())
            made, wait = made + 1, min(wait * 2, most)
        return made, at - end

    return look


def planned(plan: Plan) -> Policy:
    """Ours."""

    def look(end: float, chance: random.Random) -> tuple[int, float]:
        at, over, made, phase = timedelta(0), timedelta(seconds=end), 0, chance.random()
        while at < over:
            at, made = plan.next_look(at, phase), made + 1
        return made, (at - over).total_seconds()

    return look


def called(plan: Plan, arrive: float) -> Policy:
    """Ours, with that share of callbacks arriving, once the plan has learned how many do."""
    chance = random.Random(1)
    came = [_DAY if chance.random() < arrive else None for _ in range(RECENT)]
    missed = missed_share([Ending(_DAY, one) for one in came], _DAY + timedelta(days=1), Rules().callback_grace)
    without = planned(thinned(plan, missed))

    def look(end: float, chance: random.Random) -> tuple[int, float]:
        made, late = without(end, chance)
        return (made, min(late, _CALL_SECONDS)) if chance.random() < arrive else (made, late)

    return look


def learned_from(true: Truth, count: int, seed: int, prior: Plan | None = None) -> Plan:
    """The plan after so many trainings, whose lengths were seen as they were."""
    chance = random.Random(seed)
    return lesson_of((timedelta(seconds=seconds), well) for seconds, well in (true.draw(chance) for _ in range(count))).plan(
        prior or Plan()
    )


def learned_late(true: Truth, count: int, seed: int, rounds: int) -> Plan:
    """The same from lengths as looks see them, up to one look late; after each round the next trainings are looked at with what was learned."""
    chance, plan = random.Random(seed), Plan()
    seen: list[tuple[timedelta, bool]] = []
    for _ in range(rounds):
        look = planned(plan)
        for seconds, well in [true.draw(chance) for _ in range(count)]:
            seen.append((timedelta(seconds=seconds + look(seconds, chance)[1]), well))
        plan = lesson_of(seen[::-1][:200]).plan(Plan())
    return plan


def measured(name: str, policy: Policy, true: Truth = PRIOR, typical: float = TYPICAL) -> Outcome:
    """The policy over many trainings."""
    chance = random.Random(7)
    made = [policy(true.draw(chance)[0], chance) for _ in range(_TRAININGS)]
    lags = sorted(100.0 * lag / typical for _, lag in made)
    return Outcome(name, fmean(looks for looks, _ in made), fmean(lags), lags[int(0.95 * len(lags))])


@cache
def outcomes() -> tuple[Outcome, ...]:
    """Every policy, over what Tavus documents."""
    prior = Plan()
    others: dict[str, Policy] = {f"fixed {seconds} s": fixed(seconds) for seconds in (10, 30, 60, 300)}
    others |= {"vendor client, 0.5 s": fixed(0.5)}
    others |= {f"exponential, 5 s to {cap} s": exponential(5, cap) for cap in (20, 120, 600)}
    ours: dict[str, Policy] = {"ours, prior": planned(prior), "ours, learned": planned(learned_from(PRIOR, _LEARNED_FROM, 1))}
    ours |= {f"ours, {share:.0%} callbacks": called(prior, share) for share in (1.0, 0.9, 0.7, 0.5)}
    return tuple(measured(name, policy) for name, policy in (others | ours).items())


@cache
def dial() -> tuple[Outcome, ...]:
    """Our one dial, turned: what the prior's plan makes of a delay that is worth less or more."""
    return tuple(measured(f"{worth:g}", planned(Plan(worth=worth))) for worth in (1.0, 5.0, 20.0, 80.0, 165.0, 600.0, 3000.0))


def ratios(plans: Callable[[Truth, int], Plan]) -> dict[str, float]:
    """By truth: what these plans cost, as a multiple of the plan that knows it."""
    return {
        name: fmean(cost(plans(true, seed), true) for seed in range(_SEEDS)) / cost(knowing(true), true) for name, true in FAMILY.items()
    }


def figures() -> list[Figure]:
    """Looks, lags and costs of every policy, with the aims of ours."""
    found = [figure for outcome in outcomes() for figure in _of(outcome)]
    last = planned(Plan())(36 * HOUR, random.Random(1))[0]
    found.append(Figure(BENCH, "looks at a training that never ends, by the plan alone, in 36 h", last, "looks"))
    found.append(Figure(BENCH, "the same, with the soft deadline", _never_ending(), "looks", most=150))
    seen = ratios(lambda true, seed: learned_from(true, _LEARNED_FROM, seed))
    worst = max(seen, key=lambda name: seen[name])
    found.append(Figure(BENCH, "cost, learned from 20, to knowing the truth", fmean(seen.values()), "times", most=1.25))
    found.append(Figure(BENCH, f"the same, its worst truth ({worst})", seen[worst], "times"))
    for rounds in (1, 3):
        late = ratios(lambda true, seed, rounds=rounds: learned_late(true, _LEARNED_FROM, seed, rounds))  # type: ignore[misc]
        found.append(Figure(BENCH, f"the same, lengths seen late, after {rounds} x 20", fmean(late.values()), "times"))
    found.append(Figure(BENCH, "the same, of the prior alone", fmean(ratios(lambda _true, _seed: Plan()).values()), "times"))
    return found


def _never_ending() -> int:
    rules = Rules()
    at, made = timedelta(0), 0
    while at < rules.training_deadline:
        at = at + rules.late_interval if at >= rules.training_soft_deadline else rules.plan.next_look(at, 0.5)
        made += 1
    return made


def _of(outcome: Outcome) -> Iterable[Figure]:
    aims: Sequence[float | None] = (None, None, None)
    if outcome.name == "ours, prior":
        aims = (40.0, 0.3, 0.8)
    elif outcome.name == "ours, 70% callbacks":
        aims = (None, None, 1.0)
    name = outcome.name
    yield Figure(BENCH, "looks a replica", outcome.looks, "looks", of=name, most=aims[0])
    yield Figure(BENCH, "lag, mean", outcome.mean, "% of T", of=name, most=aims[1])
    yield Figure(BENCH, "lag, p95", outcome.p95, "% of T", of=name, most=aims[2])
    if name.startswith("ours"):
        yield Figure(BENCH, "requests a replica in full batches", outcome.looks / BATCH, "requests", of=name)


def measure(options: Options) -> list[Figure]:
    """The figures; and the plot, beside them."""
    from tests.benchmarks.policies_plot import draw  # noqa: PLC0415 - it needs matplotlib, which figures do not

    options.out.mkdir(parents=True, exist_ok=True)
    draw(outcomes(), dial(), options.out)
    return figures()


def main() -> None:
    """Print the figures and draw the plot, into the folder that is named or this one."""
    show(measure(Options(out=Path(sys.argv[1] if len(sys.argv) > 1 else "."))), Console())


if __name__ == "__main__":
    main()
