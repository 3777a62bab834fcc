"""Records of several decisions that are written at once.

Owns the wait between a choice and its append: none of these choices may be answered
before `flush` has returned.
"""

from collections.abc import Sequence

from bandit_svc.eventlog.interface import EventLogWriter, Record


class GatheredLog:
    """An EventLogWriter that keeps records until it is told to write them."""

    def __init__(self, log: EventLogWriter) -> None:
        self._log = log
        self._records: list[Record] = []

    @property
    def partition(self) -> str:
        """The partition's name; see the interface."""
        return self._log.partition

    def append(self, record: Record) -> None:
        """Keep a record for `flush`."""
        self._records.append(record)

    def append_all(self, records: Sequence[Record]) -> None:
        """Keep records for `flush`."""
        self._records += records

    def flush(self) -> None:
        """Write what was kept, in order.

        Raises:
            Unavailable: nothing of it is written.
        """
        records, self._records = self._records, []
        self._log.append_all(records)

    def close(self) -> None:
        """Drop what was kept; the log belongs to somebody else."""
        self._records = []
