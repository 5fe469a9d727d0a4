"""Faults by script: which request goes wrong, how, and whether before or after the work was done. It decides; the shell carries out."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

ANY = "*"


class Kind(StrEnum):
    """The kinds of request, as fault scripts and the ledger name them."""

    CREATE_REPLICA = "create_replica"
    GET_REPLICA = "get_replica"
    LIST_REPLICAS = "list_replicas"
    DELETE_REPLICA = "delete_replica"
    RENAME_REPLICA = "rename_replica"
    LIST_VOICES = "list_voices"
    CREATE_CONVERSATION = "create_conversation"
    GET_CONVERSATION = "get_conversation"
    LIST_CONVERSATIONS = "list_conversations"
    END_CONVERSATION = "end_conversation"
    DELETE_CONVERSATION = "delete_conversation"
    UNKNOWN = "unknown"


class Harm(StrEnum):
    """What is done to an answer."""

    CUT = "cut"  # the connection closes without a byte
    HALF = "half"  # the head and half of the body, then the connection closes
    HANG = "hang"  # nothing for `seconds`, then the connection closes
    SLOW = "slow"  # the true answer, `seconds` late; `before`: the work too is late, and is done even if the caller has left
    ERROR_500 = "500"
    ERROR_502 = "502"  # HTML, as from a proxy
    ERROR_503 = "503"
    TOO_MANY = "429"  # with Retry-After
    GARBAGE = "garbage"  # 200, and not JSON
    NO_ID = "no_id"  # 200, JSON, and no id in it


class Moment(StrEnum):
    """Whether the work is done when the fault strikes: the caller cannot tell."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of a script. It strikes the next `times` requests that it fits, or each at random with `rate`."""

    harm: Harm
    on: str = ANY
    moment: Moment = Moment.BEFORE
    rate: float = 1.0
    times: int | None = None
    seconds: float = 30.0
    """Real seconds of a hang or a delay; 30 outlasts the timeouts that a caller should have."""
    retry_after: int = 1
    """Real seconds, sent with 429 and 503."""

    @classmethod
    def read(cls, line: Mapping[str, Any]) -> "Fault":
        """Read `{"on", "kind", "moment", "rate" | "times", "seconds", "retry_after"}`; a ValueError names what is wrong."""
        unknown = set(line) - {"on", "kind", "moment", "rate", "times", "seconds", "retry_after"}
        on = str(line.get("on", ANY))
        if unknown or "kind" not in line or ("rate" in line and "times" in line) or (on != ANY and on not in set(Kind)):
            message = f"not a fault: {dict(line)!r} (needs kind; on is a kind of request or *; rate or times, not both)"
            raise ValueError(message)
        given = {name: line[name] for name in ("rate", "times", "seconds", "retry_after") if name in line}
        return cls(Harm(str(line["kind"])), on, Moment(line.get("moment", Moment.BEFORE)), **given)


class Faults:
    """A script at work: it counts down the `times`, and draws the `rate`s from its own seed."""

    def __init__(self, lines: Iterable[Mapping[str, Any]] = (), seed: int = 0) -> None:
        """Take a script as JSON material; the first line that strikes wins."""
        self._faults = [Fault.read(line) for line in lines]
        self._left = [fault.times for fault in self._faults]
        self._chance = random.Random(f"{seed}/faults")

    def strike(self, kind: Kind) -> Fault | None:
        """The fault that this request meets, if any."""
        for index, fault in enumerate(self._faults):
            if fault.on not in (ANY, kind):
                continue
            left = self._left[index]
            if left is None:
                if self._chance.random() < fault.rate:
                    return fault
            elif left > 0:
                self._left[index] = left - 1
                return fault
        return None
