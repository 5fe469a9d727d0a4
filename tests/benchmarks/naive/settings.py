"""What the environment says, read once. Data only."""

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Seconds for what is a duration."""

    database_url: str
    redis_url: str
    tavus_url: str
    tavus_key: str
    poll_first: float
    poll_cap: float


def read() -> Settings:
    """The settings of this process."""
    named = os.environ
    return Settings(
        database_url=named["NAIVE_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://"),
        redis_url=named["NAIVE_REDIS_URL"],
        tavus_url=named["NAIVE_TAVUS_URL"],
        tavus_key=named["NAIVE_TAVUS_KEY"],
        poll_first=float(named["NAIVE_POLL_FIRST"]),
        poll_cap=float(named["NAIVE_POLL_CAP"]),
    )


SETTINGS = read()
