"""The settings of the ways in: who may call, what a link may open, and what a request must say or is given. They may not say where anything is."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from worker.core.rules import Rules
from worker.settings.forms import Duration

_RULES = Rules()


class Doors(BaseSettings):
    """What comes in, and how."""

    api_token: SecretStr | None = Field(
        None,
        description="The owner's bearer token, which may do and see everything. To listen beyond loopback it, or one of `replicas tokens`.",
    )
    metrics_token: SecretStr | None = Field(
        None, description="Prometheus' bearer token for `/metrics`, which opens nothing else. REPLICAS_API_TOKEN opens it too."
    )
    trust_loopback: bool = Field(
        default=True,
        description="Whether this host needs no token, where the API is reached from nowhere else and REPLICAS_API_TOKEN is not set.",
    )
    token_requests_a_minute: int = Field(
        6000,
        ge=1,
        description="Requests in a minute of a token without a limit of its own: a tenth of what a process takes, for the others' sake.",
    )
    wrong_tokens_a_minute: int = Field(
        30,
        ge=1,
        description="Wrong tokens from an address in a minute, before no other is looked at: more than mistakes, less than guesses.",
    )
    links_open: Literal["visit", "press"] = Field(
        "visit",
        description="What opens a conversation on demand: a person's `visit` of the link, or only a `press` on the button that the page then has.",
    )
    openings_a_day: int = Field(
        _RULES.openings_a_day,
        ge=1,
        le=1000,
        description="Conversations that one job's link may open in a day: the most that a leak can cost.",
    )
    visit_patience: Duration = Field(
        _RULES.visit_patience, description="How long whoever waits at a link may be away before nothing is opened for them."
    )
    require_consent: bool = Field(default=False, description="Refuse requests in which nobody affirms the rights to the picture or video.")
    model: str = Field(
        "phoenix-4", description="The Phoenix model of requests that name none: pinned, so that a vendor default cannot move it."
    )
