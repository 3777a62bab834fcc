"""Find the newest value of a reward, wherever it is on its way.

Owns the order of looking: the store, then the part of the event log that the store
does not have yet, then the store again, since the learner may have moved it meanwhile.
"""

from bandit_svc.domain.events.codec import FactDecoder, is_reward_of
from bandit_svc.domain.events.cursor import START, Cursor
from bandit_svc.domain.events.decision_id import raw_id
from bandit_svc.domain.events.event import UnreadableEvent
from bandit_svc.domain.events.reward import Correction, Reward
from bandit_svc.errors import LogUnreadable
from bandit_svc.eventlog.interface import EventLogReader
from bandit_svc.storage.corrections import KnownReward
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import Cursors


class KnownRewards:
    """Rewards of all workers, by decision, metric and reward_id. Thread-safe."""

    def __init__(
        self,
        reader: EventLogReader,
        storage: Storage,
        decoder: FactDecoder,
    ) -> None:
        self._reader = reader
        self._facts = storage.facts
        self._corrections = storage.corrections
        self._archived = storage.archived
        self._decoder = decoder

    def find(self, decision_id: str, metric: str, reward_id: str) -> KnownReward | None:
        """Return a reward with its newest value, or None if there is none.

        Raises:
            LogUnreadable: it was not found, and may be in a part that can't be read.
        """
        key = decision_id, metric, reward_id
        cursors = self._facts.cursors()
        stored = self._corrections.known_reward(*key)
        facts, fault = self._unread(decision_id, cursors)
        reward, newest = stored, stored
        for fact in facts:
            if (fact.metric, fact.reward_id) != (metric, reward_id):
                continue
            if isinstance(fact, Reward):
                # The first of a reward_id is the one that counts.
                reward = reward or KnownReward(fact.value, 0)
            elif newest is None or fact.received_at_ms >= newest.received_at_ms:
                newest = KnownReward(fact.value, fact.received_at_ms)
        # The learner may have moved it between the two looks.
        reward = reward or self._corrections.known_reward(*key)
        if reward is None and fault is not None:
            raise fault
        return reward and (newest or reward)

    def has_dropped(self, decision_id: str) -> bool:
        """Return whether the archive alone has a decision."""
        return self._archived.dropped_place(decision_id) is not None

    def _unread(
        self, decision_id: str, cursors: Cursors
    ) -> tuple[list[Reward | Correction], LogUnreadable | None]:
        """Return what is said of a decision behind the cursors, and what hides more."""
        facts: list[Reward | Correction] = []
        fault = None
        for partition in self._reader.partitions():
            cursor = cursors.get(partition, START)
            try:
                facts += self._facts_of(partition, cursor, decision_id)
            except LogUnreadable as error:
                fault = error
        return facts, fault

    def _facts_of(
        self, partition: str, cursor: Cursor, decision_id: str
    ) -> list[Reward | Correction]:
        """Return the rewards and corrections of a decision behind a cursor."""
        found: list[Reward | Correction] = []
        raw = raw_id(decision_id)
        while True:
            batch = self._reader.read(partition, cursor)
            for record in batch.records:
                if not is_reward_of(record, raw):
                    continue
                try:
                    fact = self._decoder.decode(record, batch.parts)
                except UnreadableEvent:
                    continue
                if isinstance(fact, Reward | Correction):
                    found.append(fact)
            if batch.cursor == cursor:
                return found
            cursor = batch.cursor
