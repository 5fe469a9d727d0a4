"""The lot of one training: how long it takes and how it ends, drawn from the seed and the URL. It keeps no state and reads no clock."""

import random
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from tests.sandbox import messages
from tests.sandbox.answers import bad
from tests.sandbox.rules import CodeStyle, Rules

# The bar jumps and then holds one value for a long time (Tavus, Replica FAQ: "the progress bar may stay at the same percentage").
_PROGRESS = ((0.95, 99), (0.80, 87), (0.45, 62), (0.25, 37), (0.10, 14), (0.04, 3))
TWO_STAGE = "phoenix-4.5"


@dataclass(frozen=True, slots=True)
class Script:
    """What the training URL's query asks of the sandbox: `sandbox_outcome`, `_once`, `_fixable`, `_code`."""

    outcome: str | None = None
    once: bool = False
    fixable: bool = False
    code_style: CodeStyle | None = None

    @classmethod
    def of(cls, url: str) -> "Script":
        """Read the script of a URL. A word that nobody knows is refused, so that a test cannot pass by a typing error."""
        query = parse_qs(urlsplit(url).query) if "sandbox_" in url else {}
        outcome = query.get("sandbox_outcome", [None])[0]
        if outcome is not None and outcome not in messages.OUTCOMES:
            raise bad(f"sandbox: unknown sandbox_outcome {outcome}")
        style = query.get("sandbox_code", [None])[0]
        if style is not None and style not in set(CodeStyle):
            raise bad(f"sandbox: unknown sandbox_code {style}")
        return cls(
            outcome,
            once=query.get("sandbox_once") == ["1"],
            fixable=query.get("sandbox_fixable") == ["1"],
            code_style=CodeStyle(style) if style is not None else None,
        )


@dataclass(frozen=True, slots=True)
class Lot:
    """How a training will go, known to the sandbox from its start and to nobody else."""

    ends: timedelta | None
    """After this long it is over, well or badly; None: it trains for ever."""
    failure: str | None = None
    preview: timedelta | None = None
    """phoenix-4.5 only: `status` is `completed` from here on, and the rest is `finetune_status`."""
    code_style: CodeStyle = CodeStyle.IN_MESSAGE

    @property
    def tuning_fails(self) -> bool:
        """Whether the preview comes out and the tuning after it fails; `status` stays `completed` then."""
        return self.failure == messages.TUNING

    @property
    def is_refundable(self) -> bool:
        """Whether it ends with `status` error, which is what the vendor refunds."""
        return self.failure is not None and not self.tuning_fails


def progress(elapsed: timedelta, whole: timedelta | None) -> str:
    """`n/100`, which holds still for long stretches and says nothing about the time that is left."""
    if whole is None:
        return "62/100"
    part = elapsed / whole if whole else 1.0
    if part >= 1:
        return "100/100"
    return f"{next((percent for floor, percent in _PROGRESS if part >= floor), 0)}/100"


def draw(url: str, model: str, earlier: int, rules: Rules, *, is_image: bool, auto_fix: bool) -> Lot:
    """Draw the lot of the training of `url` after `earlier` others of it; the same arguments give the same lot."""
    chance = random.Random(f"{rules.seed}/{earlier}/{url}")
    script = Script.of(url)
    whole = rules.typical * chance.lognormvariate(0, rules.spread)
    failure = _failure(script, chance, earlier, rules, is_image=is_image, auto_fix=auto_fix)
    preview = rules.typical * rules.preview_fraction if model == TWO_STAGE else None
    style = script.code_style or rules.code_style
    if failure == messages.TUNING and preview is None:
        failure = None  # there is no tuning stage to fail
    if failure == messages.NEVER:
        return Lot(None, None, preview, style)
    if failure in (None, messages.TUNING):
        return Lot(whole, failure, preview, style)
    # A rejection comes before the preview would have (observed on phoenix-4.5, 2026), so half of that where there is one.
    early = preview / 2 if preview is not None else whole * rules.failure_fraction * chance.uniform(0.5, 1.5)
    return Lot(early, failure, None, style)


def _failure(script: Script, chance: random.Random, earlier: int, rules: Rules, *, is_image: bool, auto_fix: bool) -> str | None:
    if script.outcome is not None:
        mended = (script.once and earlier > 0) or (script.fixable and auto_fix)
        return None if mended else script.outcome
    if chance.random() >= rules.fail_rate:
        return None
    return chance.choice(sorted(messages.IMAGE if is_image else messages.VIDEO))


def error_fields(lot: Lot) -> dict[str, str]:
    """`error_message`, and `error_code` where the style gives the code a key of its own."""
    code = lot.failure
    if code is None:
        return {}
    text = messages.TEXTS.get(code, messages.UNHEARD_OF)
    if lot.code_style is CodeStyle.OWN_KEY and code != messages.UNKNOWN:
        return {"error_message": text, "error_code": code}
    if lot.code_style is CodeStyle.IN_MESSAGE and code in messages.IMAGE:
        return {"error_message": f"{code}: {text}"}
    return {"error_message": text}
