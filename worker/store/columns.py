"""What the ledger's tables are made of: kinds of columns, partial indexes, and the metadata that all tables share. It may not hold a table."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, MetaData, text
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel

# Not JSONB: that keeps numbers as decimals, so that 6.208479595147445e+16 comes back as another number; and nothing is ever looked for inside.
Document = JSON
# SQLite counts by itself only in a column that is called INTEGER, and that has 64 bits there anyway.
Counter = BigInteger().with_variant(Integer(), "sqlite")


def where(condition: str) -> dict[str, Any]:
    """What makes an index partial, in either database's words."""
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, to the microsecond. SQLite keeps no zone, so it is taken off on the way in and put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a moment without a zone: nobody could say when it is."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = f"{value} has no time zone"
            raise ValueError(message)
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        del dialect
        return None if value is None else value.replace(tzinfo=UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ANN401 - as the base class says
        """None for PostgreSQL, whose connections are in UTC: a job has fifteen moments, and jobs are read by the thousand."""
        return super().result_processor(dialect, coltype) if dialect.name == "sqlite" else None


class Table(SQLModel):
    """All tables share one metadata, with names for constraints so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
