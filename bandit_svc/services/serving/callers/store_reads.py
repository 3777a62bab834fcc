"""Which requests have to ask a store that is on a server.

Owns the look at their bytes, before anything is parsed: a loop must not wait for a
network, so that these requests are answered in threads. Needless caution costs a
thread; what is overlooked costs the loop one wait.
"""

import re
from typing import Final

from bandit_svc.services.serving.catalog import Catalog
from bandit_svc.storage.units import Units

_DECISION: Final = "/v1/decisions"
_DECISIONS: Final = "/v1/decisions/batch"
_NONE: Final = b"\xff"
"""No JSON begins with it."""
_EXPERIMENT: Final = re.compile(rb'"experiment"\s*:\s*"([^"]*)"')


class StoreReads:
    """One a process. Reads memory alone; called by the loop for each request."""

    def __init__(self, catalog: Catalog, units: Units) -> None:
        """Keep what is asked.

        Args:
            catalog: of the process.
            units: that know from memory whether they must be read.
        """
        self._catalog = catalog
        self._must_be_read = units.must_be_read
        self._version = catalog.version
        # Of definitions of that version: experiments that are decided for from memory,
        # and how the last such request began, which the next one mostly does too.
        self._alone: set[bytes] = set()
        self._beginning = _NONE

    def are_made(self, path: str, body: bytes) -> bool:
        """Return whether the answer to a request has to read the store.

        Args:
            path: of the route, of one thing or of a batch.
            body: as it was sent.
        """
        if self._catalog.is_behind:
            return True
        if self._version != self._catalog.version:
            self._version = self._catalog.version
            self._alone, self._beginning = set(), _NONE
        if path == _DECISION:
            if not body.startswith(self._beginning):
                found = _EXPERIMENT.search(body)
                if found is None or not self._is_alone(found[1]):
                    return True
                self._beginning = body[: found.end()]
        elif path == _DECISIONS:
            keys = _EXPERIMENT.findall(body)
            if not keys or not all(map(self._is_alone, keys)):
                return True
        else:
            # Of a reward or an event the answer says whether it is known already.
            return True
        # Links are compared with what is known of each id.
        return b'"links"' in body or self._must_be_read()

    def _is_alone(self, key: bytes) -> bool:
        """Return whether decisions of an experiment need nothing but memory."""
        if key in self._alone:
            return True
        if self._catalog.asks_store(key.decode(errors="replace")):
            return False
        self._alone.add(key)
        return True
