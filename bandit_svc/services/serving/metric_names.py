"""Names of metrics that no experiment has declared.

Owns their bound: each name is a row of every report, and a caller that makes names up
(one for each order, say) would fill it.
"""

import threading

from bandit_svc.domain.metric import MAX_METRICS
from bandit_svc.storage.joined.facts import Facts


class MetricNames:
    """The names that one process has admitted. Thread-safe.

    Workers that meet different names at the same moment may admit 20 each; from then
    on each knows those of all from the store.
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._known: dict[int, set[str]] = {}
        self._lock = threading.Lock()

    def admits(self, number: int, name: str) -> bool:
        """Return whether a name is in use, or is one of the first 20."""
        if name in self._known.get(number, ()):
            return True
        with self._lock:
            known = self._known.setdefault(number, set())
            known |= self._facts.metric_names(number)
            if name not in known and len(known) >= MAX_METRICS:
                return False
            known.add(name)
            return True
