"""The sources of webhooks as one version of the catalog has them.

Owns the finding of a source by its name.
"""

from collections.abc import Iterable

from bandit_svc.storage.doors.sources import SourceRow


class SourceRing:
    """The sources of one moment. Thread-safe."""

    def __init__(self, rows: Iterable[SourceRow]) -> None:
        self._by_name = {row.name: row for row in rows}

    def named(self, name: str) -> SourceRow | None:
        """Return a source, or None."""
        return self._by_name.get(name)
