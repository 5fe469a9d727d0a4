"""Loading without looks for rubbish: entry points import this first, and say when all is loaded. It may not be imported by what others import.

    from worker import loading  # isort: split
    ... all other imports ...
    loading.is_over()

Python looks through everything that is there each time so many objects were made, and what is loaded is never rubbish: of the processor time
that a process needs for its start, these looks are a sixth, and those of its end as much again.
"""

import gc

# New objects between two looks, where nobody else's code may count on Python's 700: a call that answers for a hundred makes some thousands, all of
# which are gone by themselves when it is over.
_BETWEEN_LOOKS = 10_000

_LOOKED = gc.isenabled()
gc.disable()


def is_over() -> None:
    """All is loaded: from here on there may be rubbish."""
    if _LOOKED:
        gc.enable()


def is_over_for_good() -> None:
    """The same, in a process that is nobody's but ours: what is loaded stays, and no look ever goes through it. Later looks are fewer."""
    gc.freeze()
    gc.set_threshold(_BETWEEN_LOOKS)
    is_over()
