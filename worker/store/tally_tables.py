"""The table of what processes count. It may not be used outside the store."""

from datetime import datetime

from sqlalchemy import Column, Double
from sqlmodel import Field

from worker.store.columns import Moment, Table


class TallyRow(Table, table=True):
    """A number that only ever grows, of all processes on all hosts together: a series as Prometheus writes it. `at`: when it last grew."""

    __tablename__ = "tally"

    series: str = Field(primary_key=True)
    value: float = Field(sa_column=Column(Double, nullable=False))
    at: datetime = Field(sa_type=Moment)
