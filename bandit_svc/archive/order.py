"""The joined order as the archive and the store hold it together.

Owns the reading of archived decisions as joined rows: the same rows as the store's, so
that what learns from them can't tell which it was.
"""

import importlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from bandit_svc.archive.names import FileName
from bandit_svc.archive.target import ArchiveTarget
from bandit_svc.domain.events.event import UnreadableEvent, decode_decision
from bandit_svc.errors import Unprocessable
from bandit_svc.storage.joined.joins import JoinedOrder
from bandit_svc.storage.ranges import ALWAYS, Made
from bandit_svc.storage.rows import ClosedRow, JoinedRow

_COLUMNS = ["position", "reward", "learnable", "line", "page"]
_BATCH_ROWS = 2_000


class PageRow(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of a joined page besides the rows of its slots."""

    reward: float
    learnable: bool
    slots: tuple[float, ...]


_page = msgspec.json.Decoder(PageRow).decode


def parquet() -> Any:  # noqa: ANN401 - pyarrow ships no types
    """Return pyarrow's module for Parquet.

    Raises:
        Unprocessable: it is not installed.
    """
    try:
        return importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise Unprocessable(
            "the archive needs pyarrow, which is not installed; run `pip install "
            "'bandit_svc[archive]'`"
        ) from error


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
        self._target = target
        self._files = files
        self._store = store
        self._place: tuple[FileName, int] | None = None
        self._batches: Iterator[list[JoinedRow]] = iter(())
        self._ahead: list[JoinedRow] = []

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
                rows = self._archived_after(file, position, limit)
            if rows:
                return rows
            position = file.first - 1 if before > 0 else file.last
        return self._store.after(number, position, limit)

    def closed_after(
        self, number: int, position: int, limit: int, made: Made = ALWAYS
    ) -> list[ClosedRow]:
        """See the interface; the archive has no single rewards, the store has."""
        return self._store.closed_after(number, position, limit, made)

    def last_position(self, number: int) -> int:
        """See the interface."""
        archived = self._files[-1].last if self._files else 0
        return max(archived, self._store.last_position(number))

    def _file_behind(self, position: int) -> FileName | None:
        return next((file for file in self._files if file.last > position), None)

    def _archived_after(
        self, file: FileName, position: int, limit: int
    ) -> list[JoinedRow]:
        if self._place != (file, position):
            self._ahead, self._batches = [], self._read(file, position)
        while not self._ahead:
            batch = next(self._batches, None)
            if batch is None:
                self._place = None
                return []
            self._ahead = batch
        rows, self._ahead = self._ahead[:limit], self._ahead[limit:]
        self._place = file, rows[-1].position
        return rows

    def _read(self, file: FileName, position: int) -> Iterator[list[JoinedRow]]:
        with self._target.reading(str(file)) as opened:
            try:
                whole = parquet().ParquetFile(opened)
                groups = _groups_behind(whole.metadata, position)
                batches = whole.iter_batches(_BATCH_ROWS, groups, columns=_COLUMNS)
                for batch in batches:
                    columns = [column.to_pylist() for column in batch.columns]
                    yield [row for row in _rows(columns) if row.position > position]
            except (OSError, ValueError, KeyError, UnreadableEvent) as error:
                raise Unprocessable(
                    f"{file} in the archive {self._target.shown} can't be read "
                    f"({type(error).__name__}); restore it, or `bandit-svc archive` "
                    "writes it again as long as the store has its decisions"
                ) from error


def _groups_behind(metadata: Any, position: int) -> list[int]:  # noqa: ANN401
    """Return the row groups that may hold a later position."""
    names = metadata.schema.names
    column = names.index("position")
    found = []
    for index in range(metadata.num_row_groups):
        statistics = metadata.row_group(index).column(column).statistics
        if statistics is None or statistics.max > position:
            found.append(index)
    return found


def _rows(columns: Sequence[Sequence[Any]]) -> Iterator[JoinedRow]:
    for position, reward, learnable, line, page in zip(*columns, strict=True):
        if line is None:
            # A further slot of a page, whose first one has the line.
            continue
        decision = decode_decision(line)
        if page is None:
            yield JoinedRow(position, reward, learnable, decision)
        else:
            kept = _page(page)
            yield JoinedRow(position, kept.reward, kept.learnable, decision, kept.slots)
