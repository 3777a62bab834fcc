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
from bandit_svc.archive.opened import parquet
from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.plain_values import Payload
from bandit_svc.errors import Conflict
from bandit_svc.services.archiving.ports import ArchivePorts
from bandit_svc.services.archiving.rows import WARM_UP, ArchivedRows, archive_fields
from bandit_svc.storage.archive.archived import ArchivedFile, Span

GROUP_ROWS: Final = 20_000
"""About so many rows are in memory at once, and in a row group of the file."""
_LEASE = "archive"
FOLDER: Final = "archiving"
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
        folder = ports.folder / FOLDER
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
        if self._is_same(file):
            self._archived.keep(msgspec.structs.replace(file, checked=changes))
            return False
        self.write(Span(file.first, file.last, file.day))
        return True

    def _is_same(self, file: ArchivedFile) -> bool:
        """Return whether the store has the rows that a file was made of."""
        before, own = self._source(file.first, file.last)
        if file.first == self._archived.dropped(self._number) + 1:
            # What comes before it is in the archive alone, and does not change.
            return file.source.endswith(own)
        return file.source == before + own

    def current(self, file: ArchivedFile) -> ArchivedFile:
        """Return a file as it is recorded, made again if the store's rows have changed.

        Raises:
            Unprocessable: the archive can't be used.
        """
        if self._is_same(file):
            return file
        return self.write(Span(file.first, file.last, file.day))

    def _source(self, first: int, last: int) -> tuple[str, str]:
        """Return digests of what comes before a span, and of its own rows."""
        begin = max(1, first - WARM_UP)
        self._on_progress(begin - 1, self._total)
        before = self._archived.source(self._number, begin, first - 1)
        return before, self._archived.source(self._number, first, last)

    def write(self, span: Span) -> ArchivedFile:
        """Make a file, put it into the archive and record it; return the record.

        Raises:
            Unprocessable: the archive can't be used.
        """
        changes = self._archived.changes(self._number)
        source = "".join(self._source(span.first, span.last))
        name = name_of(self._experiment, span)
        with tempfile.TemporaryDirectory(dir=self._ports.folder / FOLDER) as folder:
            path = Path(folder) / "part.parquet"
            rows = self._make(span, path)
            size, sha256 = path.stat().st_size, sha256_of(path)
            self._ports.target.put(str(name), path, sha256)
        made = ArchivedFile(
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
        self._archived.keep(made)
        return made

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


def name_of(experiment: Experiment, file: ArchivedFile | Span) -> FileName:
    """Return the name of a file."""
    return FileName(experiment.key, file.day, file.first, file.last)


def sha256_of(path: Path) -> str:
    """Return the digest of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
