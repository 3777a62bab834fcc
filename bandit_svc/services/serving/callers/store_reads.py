"""Which requests have to ask a store that is on a server.

Owns the look at their bytes, before anything is parsed: a loop must not wait for a
network, so that these requests are answered in threads. Needless caution costs a
thread; what is overlooked costs the loop one wait.
"""

import re
from typing import Final

from bandit_svc.services.serving.catalog import Catalog
from bandit_svc.storage.units import Units

_DECISIONS: Final = "/v1/decisions"
_EXPERIMENTS: Final = re.compile(rb'"experiment"\s*:\s*"([^"]*)"')


class StoreReads:
    """One a process. Reads memory alone."""

    def __init__(self, catalog: Catalog, units: Units) -> None:
        """Keep what is asked.

        Args:
            catalog: of the process.
            units: that know from memory whether they must be read.
        """
        self._catalog = catalog
        self._must_be_read = units.must_be_read

    def are_made(self, path: str, body: bytes) -> bool:
        """Return whether the answer to a request has to read the store.

        Args:
            path: of the route, of one thing or of a batch.
            body: as it was sent.
        """
        catalog = self._catalog
        if catalog.is_behind:
            return True
        if path.startswith(_DECISIONS):
            # Links are compared with what is known of each id.
            if b'"links"' in body or self._must_be_read():
                return True
            keys = _EXPERIMENTS.findall(body)
            return not keys or any(
                catalog.asks_store(key.decode(errors="replace")) for key in keys
            )
        # Of a reward or an event the answer says whether it is known already.
        return True
