"""A service whose joined decisions go to an archive, in one process.

Owns `days`, which plays days of an experiment, and `archive`, which does what the
learner's jobs do.
"""

import importlib
import io
from pathlib import Path

from bandit_svc.archive.target import ArchiveTarget
from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.limits import DAY_MS
from bandit_svc.services.archiving.archive_joined import (
    MOST_ROWS,
    ArchiveWork,
    archive_joined,
)
from bandit_svc.services.archiving.ports import ArchivePorts
from bandit_svc.storage.rows import JoinedRow
from tests.harness.service import Service


def ports_of(service: Service, url: str) -> ArchivePorts:
    folder = Path(service.settings.data)
    return ArchivePorts(service.storage, ArchiveTarget(url), folder)


def days(service: Service, count: int = 3, rounds: int = 40) -> None:
    """Play days of the experiment `hero`; each is joined and learned on its own."""
    for _ in range(count):
        service.rounds(rounds)
        service.mature()
        service.now_ms += DAY_MS


def archive(
    service: Service, ports: ArchivePorts, most_rows: int = MOST_ROWS
) -> ArchiveWork:
    """Bring the archive of `hero` up to date."""
    experiment: Experiment = service.storage.experiments.get("hero")
    return archive_joined(ports, experiment, service.now_ms, most_rows=most_rows)


def bytes_in(ports: ArchivePorts) -> dict[str, bytes]:
    """Return the files of the archive by name."""
    found = {}
    for name in ports.target.names("joined"):
        with ports.target.reading(name) as file:
            found[name] = file.read()
    return found


def rows_of(service: Service, number: int = 1) -> list[JoinedRow]:
    """Return the joined decisions of the store."""
    return service.storage.joins.after(number, 0, 10**6)


def texts_in(ports: ArchivePorts) -> list[str]:
    """Return every row of the archive as a text; the files are compressed."""
    parquet = importlib.import_module("pyarrow.parquet")
    found: list[str] = []
    for content in bytes_in(ports).values():
        found += map(repr, parquet.read_table(io.BytesIO(content)).to_pylist())
    return found
