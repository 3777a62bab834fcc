"""Why a service that still answers decisions is not well.

Owns the reasons of `degraded` in /readyz and their sentences. What was measured is
passed in.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bandit_svc.domain.clock_guard import KeptClock
from bandit_svc.domain.events.damage import Damage, lost_facts
from bandit_svc.domain.numbers import counted
from bandit_svc.storage.damages import HOLD_JOINING_MS

LEARNER_SILENT_MS = 60_000
"""A learner keeps the agreed time every 15 s, if it can write to the store."""
UNREAD_MS = 30_000
"""A learner reads the log several times a second."""
DAMAGE, UNREADABLE, MODELS = "damage", "unreadable", "models"
LEARNER, STORE, UNREAD = "learner", "store", "unread"
SCORERS = "scorers"
"""Models are learned all the same; the learner's metrics alone tell of it."""
ARCHIVE = "archive"
"""A missing archive keeps no worker from its work."""
WEATHER, ENRICHERS = "weather", "enrichers"
UNLEARNED_MS = 180_000
"""A matured decision waits at most so long to be learned, beside the pause between two
published models."""
_MOST_NAMED = 3


class Reason(NamedTuple):
    """One cause; `name` is its label in metrics."""

    name: str
    sentence: str

    def __str__(self) -> str:
        """Return the cause as /readyz shows it."""
        return f"{self.name}: {self.sentence}"


def damage_reasons(damages: Sequence[Damage]) -> list[Reason]:
    """Return what unacknowledged damage means: facts are lost, or can't be read."""
    lost = [damage for damage in damages if not damage.waits]
    waiting = [damage for damage in damages if damage.waits]
    reasons = [Reason(DAMAGE, _lost(lost))] if lost else []
    if waiting:
        reasons.append(Reason(UNREADABLE, _waiting(waiting)))
    return reasons


def _lost(damages: Sequence[Damage]) -> str:
    rows = sum(damage.is_row for damage in damages)
    where = []
    if rows < len(damages):
        places = counted(len(damages) - rows, "place")
        where.append(f"the event log was damaged at {places}")
    if rows:
        were = counted(rows, "row of the store was", "rows of the store were")
        where.append(f"{were} damaged")
    lost = lost_facts(
        sum(damage.facts for damage in damages),
        at_least=any(damage.at_least for damage in damages),
    )
    return (
        f"{', and '.join([*where, lost])}; `bandit-svc doctor` names each, and "
        "`bandit-svc doctor --acknowledge ID` accepts the loss"
    )


def _waiting(damages: Sequence[Damage]) -> str:
    files = ", ".join(damage.file for damage in damages[:_MOST_NAMED])
    waits = counted(len(damages), "partition waits", "partitions wait")
    sentence = (
        f"{waits} because the event log can't be read ({files}); `bandit-svc doctor` "
        "has the reason and the way out"
    )
    if any(damage.what == "waiting" for damage in damages):
        sentence += (
            f"; joining holds for at most {HOLD_JOINING_MS // 60_000} min, since "
            "rewards may lie there, and `bandit-svc doctor --acknowledge ID` lets it "
            "go on"
        )
    return sentence


def learning_reasons(kept: KeptClock | None, now_ms: int) -> list[Reason]:
    """Return what keeps decisions from being learned, by the learner's last sign.

    Args:
        kept: the time that the learner kept last; None if none ever did.
        now_ms: the caller's agreed time.
    """
    silent = silence(kept, now_ms)
    reasons = [] if silent is None else [silent]
    if kept is not None and kept.doubt is not None:
        reasons.append(Reason("clock", kept.doubt.sentence))
    return reasons


def silence(kept: KeptClock | None, now_ms: int) -> Reason | None:
    """Return that no learner runs, by the last sign of one; None while one does."""
    if kept is None:
        return Reason(
            LEARNER, "no learner has run on this store; start `bandit-svc learner`"
        )
    silent_ms = now_ms - kept.agreed_at_ms
    if silent_ms <= LEARNER_SILENT_MS:
        return None
    return Reason(
        LEARNER,
        f"the learner has stored nothing for {silent_ms // 1000} s, and at most "
        f"{LEARNER_SILENT_MS // 1000} s are expected; look at its log and at "
        "`bandit-svc doctor`",
    )


def store_reason(fault: str) -> Reason:
    """Return the reason that the store can't be read or written, whose fault it is."""
    return Reason(
        STORE, f"decisions are logged, and nothing of them can be stored: {fault}"
    )


def unread_reason(backlog_bytes: int, waited_ms: int) -> Reason | None:
    """Return the reason that the event log grows unread; None while it is read.

    Args:
        backlog_bytes: bytes of the log that are not in the store.
        waited_ms: milliseconds that some of them have waited.
    """
    if waited_ms <= UNREAD_MS:
        return None
    return Reason(
        UNREAD,
        f"{backlog_bytes / 1e6:,.1f} MB of the event log are not in the store, some "
        f"for {waited_ms // 1000} s, and at most {UNREAD_MS // 1000} s are expected: "
        "the learner is not running, hangs or can't keep up; look at its log and at "
        "`bandit-svc doctor`",
    )


def unlearned_before_ms(now_ms: int, publish_every_ms: int) -> int:
    """Return since before when decisions that are not learned yet make a model old."""
    return now_ms - UNLEARNED_MS - publish_every_ms


def model_reasons(
    unlearned: Mapping[str, int], unloaded: Mapping[str, str], now_ms: int
) -> list[Reason]:
    """Return the reasons that decisions are made by old models.

    Args:
        unlearned: since when decisions have waited for too long to be learned, by
            experiment key.
        unloaded: why the newest model can't be loaded, by experiment key.
    """
    reasons = []
    if unlearned:
        waited_s = (now_ms - min(unlearned.values())) // 1000
        reasons.append(
            Reason(
                MODELS,
                f"decisions of {_keys(unlearned)} have waited up to {waited_s} s to be "
                f"learned, and at most {UNLEARNED_MS // 1000} s are expected: their "
                "models are old; look at the learner's log",
            )
        )
    if unloaded:
        _, fault = min(unloaded.items())
        reasons.append(
            Reason(
                MODELS,
                f"the newest model of {_keys(unloaded)} can't be loaded, and an older "
                f"or an untrained one serves: {fault}; `bandit-svc doctor` names it",
            )
        )
    return reasons


def archive_reasons(faults: Mapping[str, str]) -> list[Reason]:
    """Return why the archive is behind.

    Args:
        faults: of the newest try, by experiment key.
    """
    if not faults:
        return []
    _, fault = min(faults.items())
    sentence = (
        f"the newest try to write joined decisions of {_keys(faults)} to the archive "
        f"has failed: {fault}"
    )
    return [Reason(ARCHIVE, sentence)]


def _keys(by_key: Mapping[str, object]) -> str:
    named = ", ".join(repr(key) for key in sorted(by_key)[:_MOST_NAMED])
    more = len(by_key) - _MOST_NAMED
    return f"{named} and {counted(more, 'more experiment')}" if more > 0 else named


def enricher_reasons(fault: str, missing: Sequence[str]) -> list[Reason]:
    """Return what enrichers do without.

    Args:
        fault: why the weather is not known; empty for nothing.
        missing: libraries that declared enrichers need and that are not installed.
    """
    reasons = []
    if fault:
        sentence = (
            f"the source of the weather did not answer well: {fault}; decisions use "
            "what was found out before, and then none"
        )
        reasons.append(Reason(WEATHER, sentence))
    if missing:
        sentence = (
            f"{' and '.join(missing)} is not installed, so that enrichers which need "
            "it add nothing; pip install 'bandit_svc[enrich]'"
        )
        reasons.append(Reason(ENRICHERS, sentence))
    return reasons
