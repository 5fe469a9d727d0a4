"""What was learned of trainings and callbacks, as decisions use it: a plan for each kind of training. It may not learn, and it never raises."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from worker.core.polling import Plan
from worker.core.request import Request

_LEVELS = 20  # of the share of callbacks that do not arrive: plans differ by no more than that


def subject_of(request: Request) -> str:
    """What a training's time depends on: the model, and whether it is trained from a picture or from a video."""
    return f"{request.model}/{'image' if request.source == 'train_image_url' else 'video'}"


def model_of(subject: str) -> str:
    """The model in a subject."""
    return subject.rpartition("/")[0]


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """`plans`: by subject. `missed`: by account, the share of trainings whose end no callback tells. What is in neither is as the prior has it."""

    plans: Mapping[str, Plan] = field(default_factory=dict)
    missed: Mapping[str, float] = field(default_factory=dict)

    def plan_for(self, request: Request, account: str, prior: Plan) -> Plan:
        """The plan for a training of this request on this account."""
        return self.plan_of(subject_of(request), account, prior)

    def plan_of(self, subject: str, account: str, prior: Plan) -> Plan:
        """The same for a training of this subject."""
        return thinned(self.plans.get(subject, prior), self.missed.get(account, 1.0))


@lru_cache(maxsize=32)  # some models, and a few levels each; a table of looks is some 100 kB
def _thinned(plan: Plan, level: int) -> Plan:
    return replace(plan, missed=level / _LEVELS)


def thinned(plan: Plan, missed: float) -> Plan:
    """The plan where only that share of ends is left to looks."""
    return _thinned(plan, min(max(round(missed * _LEVELS), 1), _LEVELS))
