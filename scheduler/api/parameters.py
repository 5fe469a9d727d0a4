"""Parameters that more than one route takes. They may not be judged anywhere else: what is not so is told to the caller, and no database sees it."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints, WithJsonSchema

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)

_DECIMAL = re.compile(r"[0-9]{1,8}(\.[0-9]{1,4})?")
_MOST_MONEY = 99_999_999


def _written(given: object) -> object:
    """Pydantic itself would read a bare number as seconds."""
    if not isinstance(given, str) or not _RFC_3339.fullmatch(given):
        raise ValueError("should be a moment as RFC 3339 writes it, such as 2026-11-01T12:00:00Z")
    return given


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside of the years 1 to 9999") from None


def _whole(given: object) -> object:
    """JSON knows one kind of number; a strict model would refuse 20.0, which is 20."""
    return int(given) if isinstance(given, float) and given.is_integer() else given


def _money(given: object) -> object:
    """No float: money is not what a float makes of it."""
    if isinstance(given, str) and not _DECIMAL.fullmatch(given):
        raise ValueError("should be a decimal number with at most 8 digits before the point and 4 behind it")
    whole = _whole(given)
    if isinstance(whole, bool | float):
        raise ValueError("should be a decimal number as text, such as '45.50', or a whole number")  # noqa: TRY004 - pydantic takes this one
    return whole


Whole = BeforeValidator(_whole)
Money = Annotated[
    Decimal,
    BeforeValidator(_money),
    Field(strict=False, ge=0, le=_MOST_MONEY),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": f"^{_DECIMAL.pattern}$"}, {"type": "integer", "minimum": 0, "maximum": _MOST_MONEY}]}
    ),
]
"""A price."""
Instant = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_in_utc)]
"""A moment."""
Word = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\u0000]+$")]
"""A name or an id; PostgreSQL keeps no NUL."""
