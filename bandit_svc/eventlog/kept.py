"""Segments of the event log that were read, and are kept for some days.

Owns `log/kept`: each segment compressed in blocks, as members of a gzip file that any
`gunzip` reads; its partition's manifest and live counter; and SHA-256 sums beside them.
What is here is a copy of facts that the store has, so that a copy which can't be made
is logged, and holds nothing up.
"""

import contextlib
import gzip
import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bandit_svc.eventlog.files.segments import (
    KEPT,
    MANIFESTS,
    PRIVATE_FOLDER,
    SEGMENT,
    created,
)

BLOCK_BYTES = 65_536
SUMS = "SHA256SUMS"
PRUNE_EVERY_S = 3_600.0
_DAY_S = 86_400
_LOG = logging.getLogger(__name__)


class KeptSegments:
    """The kept segments of one log. One process at a time keeps and prunes."""

    def __init__(
        self,
        root: Path,
        days: int,
        *,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Describe the folder; nothing is read yet.

        Args:
            root: the log's folder.
            days: for which segments are kept; 0 keeps none.
            clock_s: seconds of a clock that is never set.
        """
        self._folder = root / KEPT
        self._days = days
        self._clock_s = clock_s
        self._due_s = 0.0

    def keep(self, partition: str, segment: Path) -> None:
        """Keep a segment that is about to be deleted."""
        if self._days:
            self._copy(segment, self._folder / partition / f"{segment.name}.gz")

    def keep_witness(self, file: Path) -> None:
        """Keep a manifest or a live counter, which tells what the segments held."""
        if self._days and file.exists():
            self._copy(file, self._folder / MANIFESTS / f"{file.name}.gz")

    def prune(self) -> None:
        """Delete what was kept for longer, at most once an hour."""
        now_s = self._clock_s()
        if now_s < self._due_s:
            return
        self._due_s = now_s + PRUNE_EVERY_S
        oldest_s = time.time() - self._days * _DAY_S
        for folder in _folders(self._folder):
            names = {file.name for file in folder.iterdir()}
            old = {
                name for name in names if (folder / name).stat().st_mtime <= oldest_s
            } - {SUMS}
            for name in old:
                (folder / name).unlink(missing_ok=True)
            if names - old <= {SUMS}:
                (folder / SUMS).unlink(missing_ok=True)
                folder.rmdir()
            elif old:
                sums = _sums(folder)
                _write_sums(folder, {n: sums[n] for n in sums.keys() - old})

    def _copy(self, source: Path, target: Path) -> None:
        unfinished = target.with_suffix(".part")
        try:
            for folder in (target.parent.parent, target.parent):
                folder.mkdir(exist_ok=True, mode=PRIVATE_FOLDER)
            digest = _compress(source, unfinished)
            unfinished.rename(target)
            _write_sums(target.parent, _sums(target.parent) | {target.name: digest})
        except OSError as error:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
            _LOG.warning(
                "%s of the event log was read and can't be kept (%s); its facts are in "
                "the store",
                source.name,
                error.strerror,
            )


def kept_faults(root: Path) -> Iterator[str]:
    """Yield a sentence for each kept file that is missing or is not what was kept."""
    for folder in _folders(root / KEPT):
        for name, digest in sorted(_sums(folder).items()):
            path = folder / name
            place = f"log/{KEPT}/{folder.name}/{name}"
            try:
                found = _digest(path)
            except FileNotFoundError:
                yield f"{place} is missing; {_way_out(place)}"
                continue
            if found != digest:
                yield f"{place} is damaged; {_way_out(place)}"


def kept_segments(folder: Path) -> list[Path]:
    """Return the kept segments of all partitions, compressed."""
    return sorted(folder.glob(f"w*/*{SEGMENT}.gz"))


def replace_kept(path: Path, content: bytes) -> None:
    """Replace what a kept file holds, and its sum.

    A kill in between leaves a sum that does not fit, until the next call.
    """
    unfinished = path.with_suffix(".part")
    with os.fdopen(created(unfinished), "wb") as file:
        for at in range(0, len(content), BLOCK_BYTES):
            file.write(gzip.compress(content[at : at + BLOCK_BYTES], mtime=0))
        file.flush()
        os.fsync(file.fileno())
    digest = _digest(unfinished)
    unfinished.rename(path)
    _write_sums(path.parent, _sums(path.parent) | {path.name: digest})


def _way_out(place: str) -> str:
    sums = place.rpartition("/")[0] + f"/{SUMS}"
    return (
        "the store has its facts, unless they were lost there too. Restore it from a "
        f"copy, or delete it and its line in {sums}"
    )


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(one for one in folder.iterdir() if one.is_dir())


def _compress(source: Path, target: Path) -> str:
    """Write one gzip member a block; return the SHA-256 of the file."""
    digest = hashlib.sha256()
    with source.open("rb") as read, os.fdopen(created(target), "wb") as written:
        while block := read.read(BLOCK_BYTES):
            member = gzip.compress(block, mtime=0)
            digest.update(member)
            written.write(member)
        written.flush()
        os.fsync(written.fileno())
    return digest.hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sums(folder: Path) -> dict[str, str]:
    """Return the sums by file name, as `sha256sum` writes them."""
    path = folder / SUMS
    if not path.exists():
        return {}
    lines = path.read_text().splitlines()
    return {
        name: digest for digest, _, name in (line.partition("  ") for line in lines)
    }


def _write_sums(folder: Path, sums: dict[str, str]) -> None:
    lines = [f"{digest}  {name}\n" for name, digest in sorted(sums.items())]
    unfinished = folder / f"{SUMS}.part"
    with os.fdopen(created(unfinished), "w") as file:
        file.write("".join(lines))
    unfinished.rename(folder / SUMS)
