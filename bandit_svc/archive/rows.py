"""Rows of files of the archive as the store has them.

Owns the reading of archived decisions: the same rows as the store's, so that what
learns from them, sums them up or shows them can't tell which it was.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from bandit_svc.archive.names import FileName
from bandit_svc.archive.opened import opened_file
from bandit_svc.archive.target import ArchiveTarget
from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.event import decode_decision
from bandit_svc.storage.archive.below import Besides
from bandit_svc.storage.rows import JoinedRow

_LEARNED: Final = ("position", "reward", "learnable", "line", "page")
_WHOLE: Final = (*_LEARNED, "besides")
_BATCH_ROWS: Final = 2_000


class PageRow(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of a joined page besides the rows of its slots."""

    reward: float
    learnable: bool
    slots: tuple[float, ...]


class WholeRow(NamedTuple):
    """A joined decision with all that the archive has of it."""

    joined: JoinedRow
    besides: Besides

    @property
    def decision(self) -> Decision:
        """The decision."""
        return self.joined.decision


_page = msgspec.json.Decoder(PageRow).decode
_besides = msgspec.json.Decoder(Besides).decode


class ArchivedRows:
    """Reads files of the archive, forwards; a reader that goes on costs one pass."""

    def __init__(self, target: ArchiveTarget) -> None:
        self._target = target
        self._place: tuple[FileName, int] | None = None
        self._batches: Iterator[list[JoinedRow]] = iter(())
        self._ahead: list[JoinedRow] = []

    def after(self, file: FileName, position: int, limit: int) -> list[JoinedRow]:
        """Return the rows of a file behind a position; none behind its last.

        Raises:
            Unprocessable: the archive can't be read.
        """
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

    def whole(self, file: FileName, position: int) -> Iterator[list[WholeRow]]:
        """Yield the rows of a file behind a position, in batches.

        Raises:
            Unprocessable: the archive can't be read.
        """
        for columns in self._columns(file, position, _WHOLE):
            yield [
                row for row in _whole_rows(columns) if row.joined.position > position
            ]

    def one(self, file: FileName, position: int) -> WholeRow | None:
        """Return the row of one position, None if the file lacks it.

        Raises:
            Unprocessable: the archive can't be read.
        """
        with opened_file(self._target, file) as whole:
            groups = _groups_behind(whole.metadata, position - 1)
            if not groups:
                return None
            table = whole.read_row_group(groups[0], columns=list(_WHOLE))
            at = table.column("position").to_pylist()
            # The slots of a page stand in its place.
            rows = table.slice(bisect_left(at, position), at.count(position))
            return next(
                _whole_rows([rows.column(name).to_pylist() for name in _WHOLE]), None
            )

    def _read(self, file: FileName, position: int) -> Iterator[list[JoinedRow]]:
        for columns in self._columns(file, position, _LEARNED):
            yield [row for row in _rows(columns) if row.position > position]

    def _columns(
        self, file: FileName, position: int, names: Sequence[str]
    ) -> Iterator[list[list[Any]]]:
        with opened_file(self._target, file) as whole:
            groups = _groups_behind(whole.metadata, position)
            batches = whole.iter_batches(_BATCH_ROWS, groups, columns=list(names))
            for batch in batches:
                yield [batch.column(name).to_pylist() for name in names]


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


def _whole_rows(columns: Sequence[Sequence[Any]]) -> Iterator[WholeRow]:
    *learned, besides = columns
    kept = {
        at: _besides(body)
        for at, body in zip(learned[0], besides, strict=True)
        if body is not None
    }
    return (WholeRow(row, kept[row.position]) for row in _rows(learned))


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
