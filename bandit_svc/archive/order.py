"""The joined order as the archive and the store hold it together.

Owns the order of reading: from the archive as far as its files go, and then from the
store. Reading of the files is rows.py's.
"""

from collections.abc import Sequence

from bandit_svc.archive.names import FileName
from bandit_svc.archive.rows import ArchivedRows
from bandit_svc.archive.target import ArchiveTarget
from bandit_svc.storage.joined.joins import JoinedOrder
from bandit_svc.storage.ranges import ALWAYS, Made
from bandit_svc.storage.rows import ClosedRow, JoinedRow


class ArchivedOrder:
    """See storage.joined.joins.JoinedOrder; read forwards it costs one pass."""

    def __init__(
        self, target: ArchiveTarget, files: Sequence[FileName], store: JoinedOrder
    ) -> None:
        """Describe the order.

        Args:
            target: the archive.
            files: of one experiment, by position; what they lack is the store's.
            store: the joined order of the store.
        """
        self._files = files
        self._rows = ArchivedRows(target)
        self._store = store

    def after(self, number: int, position: int, limit: int) -> list[JoinedRow]:
        """See the interface.

        Raises:
            Unprocessable: the archive can't be read.
        """
        while (file := self._file_behind(position)) is not None:
            before = file.first - 1 - position
            if before > 0:
                rows = self._store.after(number, position, min(limit, before))
                rows = [row for row in rows if row.position < file.first]
            else:
                rows = self._rows.after(file, position, limit)
            if rows:
                return rows
            position = file.first - 1 if before > 0 else file.last
        return self._store.after(number, position, limit)

    def closed_after(
        self, number: int, position: int, limit: int, made: Made = ALWAYS
    ) -> list[ClosedRow]:
        """See the interface."""
        return self._store.closed_after(number, position, limit, made)

    def last_position(self, number: int) -> int:
        """See the interface."""
        archived = self._files[-1].last if self._files else 0
        return max(archived, self._store.last_position(number))

    def _file_behind(self, position: int) -> FileName | None:
        return next((file for file in self._files if file.last > position), None)
