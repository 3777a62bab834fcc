"""Why a service that still answers decisions is not well.

Owns the reasons of `degraded` in /readyz and their sentences. What was measured is
passed in.
"""

from typing import NamedTuple

from bandit_svc.domain.clock_guard import KeptClock

LEARNER_SILENT_MS = 180_000
"""A learner keeps the agreed time once a minute, if it can write to the store."""


class Reason(NamedTuple):
    """One cause; `name` is its label in metrics."""

    name: str
    sentence: str

    def __str__(self) -> str:
        """Return the cause as /readyz shows it."""
        return f"{self.name}: {self.sentence}"


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
