"""Which experiments a tick has work for.

Owns the rule by which an experiment sleeps and wakes, so that a tick costs what its
traffic costs, however many experiments there are. An experiment that sleeps has
nothing in the learner's memory. It wakes when something was joined, when its
definition changed, or when another model than the learner's is the newest.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.times import has_passed
from bandit_svc.services.evaluation.progressive import LEARNERS_STORED_EVERY

LEAST_AWAKE_MS = 10_000
"""A visitor every few seconds must not cost the loading of a model each."""


class Sight(NamedTuple):
    """The state of an experiment at the last look; a change wakes it."""

    revision: int
    version: int
    position: int


class Wakefulness:
    """Remembers how each experiment was left.

    Args:
        publish_every_ms: milliseconds that new state may wait to be stored; that of
            candidates that learn, LEARNERS_STORED_EVERY times as long.
    """

    def __init__(self, publish_every_ms: int) -> None:
        # Twice, since the last thing to be kept begins to wait when it is learned.
        kept_ms = 2 * LEARNERS_STORED_EVERY * publish_every_ms
        self._awake_ms = max(LEAST_AWAKE_MS, kept_ms)
        self._left: dict[int, Sight] = {}
        self._busy_at_ms: dict[int, int] = {}

    def new(self, experiments: Iterable[Experiment]) -> list[Experiment]:
        """Return experiments that were never looked at; what they need is unknown."""
        return [e for e in experiments if e.number not in self._left]

    def due(
        self,
        experiments: Iterable[Experiment],
        versions: Mapping[int, int],
        positions: Mapping[int, int],
    ) -> Iterator[Experiment]:
        """Yield experiments that are awake, and those that changed."""
        for experiment in experiments:
            number = experiment.number
            left = self._left.get(number)
            if left is not None and (
                number in self._busy_at_ms
                or left.revision != experiment.revision
                or left.version != versions.get(number, 0)
                or left.position != positions.get(number, 0)
            ):
                yield experiment

    def forget(self, number: int) -> None:
        """Know an experiment no longer: what it needs is unknown when it comes back."""
        self._left.pop(number, None)
        self._busy_at_ms.pop(number, None)

    def leave(self, number: int, sight: Sight, now_ms: int, *, busy: bool) -> bool:
        """Note how a step left an experiment; say whether it sleeps now."""
        self._left[number] = sight
        if busy:
            self._busy_at_ms[number] = now_ms
            return False
        if not has_passed(self._awake_ms, self._busy_at_ms.get(number), now_ms):
            return False
        self._busy_at_ms.pop(number, None)
        return True
