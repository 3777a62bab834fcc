"""What callers of a cluster were told: every acknowledged decision and reward.

Owns what is kept of an answer. Several threads write it.
"""

import threading
from collections import Counter
from typing import NamedTuple


class Told(NamedTuple):
    """A decision that was answered.

    Attributes:
        node: the number of the web node that answered.
        at_s: when, by the monotonic clock.
        asked_s: when it was asked for.
        version: of the model that chose; None for the baseline.
    """

    experiment: str
    node: int
    at_s: float
    asked_s: float = 0.0
    version: int | None = None


class Ledger:
    """The acknowledgements of a run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.decisions: dict[str, Told] = {}
        self.rewards: dict[str, float] = {}
        self.refused: Counter[str] = Counter()
        self.differing: list[str] = []
        self.unanswered = 0
        self.repeated = 0
        self._by_request: dict[str, str] = {}

    def decided(self, decision_id: str, told: Told, request_id: str | None) -> None:
        """Note an answered decision; one request has one decision for good."""
        with self._lock:
            self.decisions[decision_id] = told
            if request_id is None:
                return
            first = self._by_request.setdefault(request_id, decision_id)
            if first != decision_id:
                self.differing.append(request_id)

    def rewarded(self, decision_id: str, value: float) -> None:
        """Note an acknowledged reward."""
        with self._lock:
            self.rewards[decision_id] = value

    def failed(self, *, repeats: bool) -> None:
        """Note a request without an answer, which its caller repeats or not."""
        with self._lock:
            if repeats:
                self.repeated += 1
            else:
                self.unanswered += 1

    def refuse(self, answer: str) -> None:
        """Note an answer that says the request itself was wrong."""
        with self._lock:
            self.refused[answer] += 1

    def answers(self) -> list[Told]:
        """Return all answers so far."""
        with self._lock:
            return list(self.decisions.values())

    def first_since(self, node: int, since_s: float) -> str | None:
        """Return the first decision that a node answered after a moment, if any."""
        first = None
        with self._lock:
            for decision_id, told in reversed(self.decisions.items()):
                if told.at_s < since_s:
                    break
                if told.node == node:
                    first = decision_id
        return first
