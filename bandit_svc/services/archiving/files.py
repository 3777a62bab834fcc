"""Files of the archive as they are made.

Owns how a file is made, put, read back and recorded, and when one is made again: after
a correction or an erasure has changed decisions in it. Killed at any place, the next
try writes the same bytes under the same name.
"""

import hashlib
import importlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from bandit_svc.archive.names import FileName
from bandit_svc.archive.order import parquet
from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.plain_values import Payload
from bandit_svc.errors import Conflict
from bandit_svc.services.archiving.ports import ArchivePorts
from bandit_svc.services.archiving.rows import WARM_UP, ArchivedRows, archive_fields
from bandit_svc.storage.archive.archived import ArchivedFile, Span

GROUP_ROWS: Final = 20_000
"""About so many rows are in memory at once, and in a row group of the file."""
_LEASE = "archive"
_FOLDER = "archiving"
"""In the data folder; what a process that was killed has left there is deleted."""
OnProgress = Callable[[int, int], None]


@contextmanager
def writing(ports: ArchivePorts) -> Iterator[None]:
    """Hold the right to write to the archive, and the folder to make files in.

    Raises:
        Conflict: another process holds it.
    """
    with ports.storage.leases.hold(_LEASE) as held:
        if held is None:
            raise Conflict("another process writes to the archive; try again later")
        folder = ports.folder / _FOLDER
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        try:
            yield
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class ExperimentFiles:
    """The files of one experiment; use it while `writing`."""

    def __init__(
        self,
        ports: ArchivePorts,
        experiment: Experiment,
        on_progress: OnProgress = lambda _done, _total: None,
    ) -> None:
        """Begin.

        Args:
            ports: the store and the archive.
            experiment: whose files.
            on_progress: told, after each batch, the position reached and the last one.
        """
        self._ports = ports
        self._archived = ports.storage.archived
        self._experiment = experiment
        self._number = experiment.number
        self._on_progress = on_progress
        self._total = ports.storage.joins.last_position(experiment.number)

    def follow_changes(self) -> tuple[int, int]:
        """Write files again whose decisions have changed.

        Returns:
            How many were written, and how many were compared only.
        """
        outdated = self._archived.outdated(self._number)
        written = sum(self._follow(file) for file in outdated)
        return written, len(outdated) - written

    def _follow(self, file: ArchivedFile) -> bool:
        # Read before the rows: what changes meanwhile is looked at again.
        changes = self._archived.changes(self._number)
        if self._source(file.first, file.last) == file.source:
            self._archived.keep(msgspec.structs.replace(file, checked=changes))
            return False
        self.write(Span(file.first, file.last, file.day))
        return True

    def _source(self, first: int, last: int) -> str:
        begin = max(1, first - WARM_UP)
        self._on_progress(begin - 1, self._total)
        return self._archived.source(self._number, begin, last)

    def write(self, span: Span) -> None:
        """Make a file, put it into the archive and record it.

        Raises:
            Unprocessable: the archive can't be used.
        """
        changes = self._archived.changes(self._number)
        source = self._source(span.first, span.last)
        name = FileName(self._experiment.key, span.day, span.first, span.last)
        with tempfile.TemporaryDirectory(dir=self._ports.folder / _FOLDER) as folder:
            path = Path(folder) / "part.parquet"
            rows = self._make(span, path)
            size, sha256 = path.stat().st_size, _sha256(path)
            self._ports.target.put(str(name), path, sha256)
        self._archived.keep(
            ArchivedFile(
                number=self._number,
                first=span.first,
                last=span.last,
                day=span.day,
                rows=rows,
                size=size,
                sha256=sha256,
                source=source,
                checked=changes,
            )
        )

    def _make(self, span: Span, path: Path) -> int:
        """Write the rows of a span to a file of this machine; return how many."""
        module = parquet()
        arrow = importlib.import_module("pyarrow")
        schema = arrow.schema(archive_fields(arrow))
        count = 0
        with module.ParquetWriter(path, schema, compression="zstd") as writer:
            for rows in self._groups(span):
                writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
                count += len(rows)
        return count

    def _groups(self, span: Span) -> Iterator[list[Payload]]:
        rows = ArchivedRows(self._ports.storage, self._experiment)
        group: list[Payload] = []
        for batch in rows.of(span.first, span.last):
            group += batch
            if len(group) >= GROUP_ROWS:
                yield group
                group = []
            self._on_progress(batch[-1]["position"], self._total)
        if group:
            yield group


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
