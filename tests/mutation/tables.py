"""Every small change of the three tables that decide: failures, moves, and the vendor's sentences. It may not say which of them matter."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from worker.core.decide import TABLE, Row, _ignore
from worker.core.failures import POLICIES, Action
from worker.core.states import State
from worker.tavus.verdicts import SENTENCES

_RELEASES = (None, State.QUEUED, State.TRAINING, State.OPENING)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change. `put_in` makes it in the living table, for the rest of the process."""

    name: str
    put_in: Callable[[], object]


def of_policies() -> Iterator[Mutant]:
    """Each failure with each other action, and released to elsewhere."""
    for failure, policy in POLICIES.items():
        changes = [replace(policy, action=action) for action in Action if action is not policy.action]
        changes += [replace(policy, release_to=state) for state in _RELEASES if state is not policy.release_to]
        for changed in changes:
            yield Mutant(f"{failure}: {changed.action}, released to {changed.release_to}", _in(POLICIES, failure, changed))


def of_moves() -> Iterator[Mutant]:
    """Each legal cell made illegal, each of its ways taken away, and each illegal cell made legal."""
    for state, row in TABLE.items():
        for event, cell in row.items():
            name = f"{state}, {event.__name__}"
            if cell.handler is None:
                yield Mutant(f"{name}: ignored instead of refused", _in(row, event, Row(_ignore)))
                continue
            yield Mutant(f"{name}: refused", _in(row, event, Row(None)))
            for way in sorted(cell.to):
                left = cell.to - {way}
                if left or way is not state:  # a cell without ways stays where it is
                    yield Mutant(f"{name}: no way to {way}", _in(row, event, replace(cell, to=left)))


def of_sentences() -> Iterator[Mutant]:
    """Each failure without its sentence, and each piece of one taken out, cut short or misspelt."""
    for failure, pieces in SENTENCES.items():
        yield Mutant(f"{failure}: no row", partial(SENTENCES.pop, failure))
        for number, piece in enumerate(pieces):
            before, after = pieces[:number], pieces[number + 1 :]
            middle = len(piece) // 2
            yield Mutant(f"{failure}: without {piece!r}", _in(SENTENCES, failure, before + after))
            yield Mutant(f"{failure}: {piece!r} misspelt", _in(SENTENCES, failure, (*before, f"{piece[:middle]}~{piece[middle:]}", *after)))
            yield Mutant(f"{failure}: {piece!r} cut to a letter", _in(SENTENCES, failure, (*before, piece[0], *after)))


def _in(table: Any, key: object, value: object) -> Callable[[], object]:  # noqa: ANN401 - three tables of different kinds
    return lambda: table.__setitem__(key, value)
