"""Why a service that still answers decisions is not well.

Owns the reasons of `degraded` in /readyz and their sentences. What was measured is
passed in.
"""

from collections.abc import Sequence
from typing import NamedTuple

from bandit_svc.domain.clock_guard import KeptClock
from bandit_svc.domain.events.damage import Damage
from bandit_svc.domain.numbers import counted

LEARNER_SILENT_MS = 180_000
"""A learner keeps the agreed time once a minute, if it can write to the store."""
DAMAGE = "damage"


class Reason(NamedTuple):
    """One cause; `name` is its label in metrics."""

    name: str
    sentence: str

    def __str__(self) -> str:
        """Return the cause as /readyz shows it."""
        return f"{self.name}: {self.sentence}"


def damage_sentence(damages: Sequence[Damage]) -> str:
    """Return what the event log has lost, and the way out; empty if nothing."""
    if not damages:
        return ""
    places = counted(len(damages), "place")
    facts = sum(damage.facts for damage in damages)
    lost = counted(facts, "fact is", "facts are")
    least = "at least " if any(damage.at_least for damage in damages) else ""
    return (
        f"the event log was damaged at {places}, and {least}{lost} lost; `bandit-svc "
        "doctor` names each, and `bandit-svc doctor --acknowledge ID` accepts the loss"
    )


def damage_reasons(damages: Sequence[Damage]) -> list[Reason]:
    """Return the reason that damages are not acknowledged, if there are any."""
    sentence = damage_sentence(damages)
    return [Reason(DAMAGE, sentence)] if sentence else []


def learning_reasons(kept: KeptClock | None, now_ms: int) -> list[Reason]:
    """Return what keeps decisions from being learned, by the learner's last sign.

    Args:
        kept: the time that the learner kept last; None if none ever did.
        now_ms: the caller's agreed time.
    """
    if kept is None:
        return [
            Reason(
                "learner",
                "no learner has run on this store; start `bandit-svc learner`",
            )
        ]
    reasons = []
    silent_ms = now_ms - kept.agreed_at_ms
    if silent_ms > LEARNER_SILENT_MS:
        reasons.append(
            Reason(
                "learner",
                f"the learner has stored nothing for {silent_ms // 1000} s, and at "
                f"most {LEARNER_SILENT_MS // 1000} s are expected; look at its log and "
                "at `bandit-svc doctor`",
            )
        )
    if kept.doubt is not None:
        reasons.append(Reason("clock", kept.doubt.sentence))
    return reasons
