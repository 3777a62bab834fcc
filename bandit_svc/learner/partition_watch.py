"""Partitions of the event log that can't be read, and for how long joining holds.

Owns what is kept and logged of them. An acknowledged reward may lie in such a
partition; a decision that is joined without it has lost it for good.
"""

import logging
from collections.abc import Sequence

from bandit_svc.domain.events.damage import Damage
from bandit_svc.services.learning.ingest import Ingested
from bandit_svc.storage.damages import HOLD_JOINING_MS, Damages, KeptDamage

_BEGUN = (
    f"joining holds for at most {HOLD_JOINING_MS // 60_000} min: rewards may lie in a "
    "partition of the event log that can't be read now"
)
_log = logging.getLogger(__name__)


class PartitionWatch:
    """Follows from tick to tick which partitions wait.

    Args:
        damages: where other processes and an operator find them.
    """

    def __init__(self, damages: Damages) -> None:
        self._damages = damages
        self._holds = False

    def accepts(self, damage: Damage) -> bool | None:
        """Return whether an operator has accepted a damage; None if it is not kept."""
        for kept in self._damages.all():
            if kept.damage.place == damage.place:
                return kept.acknowledged_at_ms is not None
        return None

    def must_hold(self, ingested: Ingested, now_ms: int) -> bool:
        """Return whether joining must wait, and keep what has changed."""
        waiting = [wait.damage for wait in ingested.waits]
        kept = self._own(ingested)
        if {one.damage for one in kept} != set(waiting):
            self._note(ingested, kept, waiting, now_ms)
            kept = self._own(ingested)
        holds = any(one.holds_joining(now_ms) for one in kept)
        if holds != self._holds:
            _log.warning(_BEGUN if holds else "joining goes on")
        self._holds = holds
        return holds

    def _own(self, ingested: Ingested) -> list[KeptDamage]:
        """Return what waits, without what waits in the shards of other learners."""
        kept = self._damages.waiting()
        if ingested.is_whole:
            return list(kept)
        return [one for one in kept if one.damage.partition in ingested.partitions]

    def _note(
        self,
        ingested: Ingested,
        kept: Sequence[KeptDamage],
        waiting: Sequence[Damage],
        now_ms: int,
    ) -> None:
        known = {one.damage for one in kept}
        for wait in ingested.waits:
            if wait.damage not in known:
                _log.error("%s", wait.sentence)
        lost: list[Damage] = []
        for partition in {d.partition for d in known} - {d.partition for d in waiting}:
            if partition in ingested.partitions:
                _log.warning("partition %s of the event log is read again", partition)
            else:
                gone = Damage(partition, 0, 0, 0, 0, "deleted", at_least=True)
                _log.warning("%s", gone)
                lost.append(gone)
        mine = {one.damage for one in kept}
        others = [d for one in self._damages.waiting() if (d := one.damage) not in mine]
        self._damages.replace_waiting([*others, *waiting], lost, now_ms)
