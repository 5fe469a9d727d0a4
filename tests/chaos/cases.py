"""The jobs of a run: most train well, and some of each kind does not. It talks to nobody."""

from dataclasses import replace

from tests.acceptance.cases import TWO_STAGE, Case, copies, every_code
from worker.core.request import Start

_FAILING = 5  # one job in so many


def jobs(count: int) -> list[Case]:
    """So many, in an order in which every kind is spread over the whole."""
    odd = list(every_code())
    failing = [replace(odd[number * 7 % len(odd)], key=f"failing-{number}") for number in range(count // _FAILING)]
    few = max(count // 20, 1)
    trained = [
        *copies(few, Case(key="two-stage", model=TWO_STAGE)),
        *copies(few, Case(key="video", is_image=False)),
        *copies(few, Case(key="on-demand", start=Start.ON_DEMAND)),
        *copies(few, Case(key="no-conversation", start=Start.NONE)),
    ]
    plain = copies(count - len(failing) - len(trained), Case(key="plain"))
    return _spread([*failing, *trained, *plain])


def _spread(cases: list[Case]) -> list[Case]:
    """Dealt out like cards: neighbours come apart."""
    hands = 11
    return [case for hand in range(hands) for case in cases[hand::hands]]
