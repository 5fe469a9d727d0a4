"""A webhook as a value, and the luck that it has on its way. Data only: the courier sends it."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from tests.sandbox.rules import Rules


@dataclass(frozen=True, slots=True)
class Callback:
    """A webhook to be sent now."""

    url: str
    body: Mapping[str, object]


def copies(rules: Rules, chance: random.Random) -> int:
    """How often a webhook is sent: not at all, once or twice. Both lots are drawn each time, so that one rate does not move the other's luck."""
    is_lost, is_doubled = chance.random() < rules.callback_loss, chance.random() < rules.callback_double
    return 0 if is_lost else 2 if is_doubled else 1
