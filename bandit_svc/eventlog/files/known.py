"""What is known of a partition apart from its segments.

Owns the joining of manifest and live counter into one answer: where does a segment
begin, and where must it end? Owns `manifests/released` as well, which counts the facts
of partitions that are gone. Reads these files; never a segment.
"""

import os
import struct
import threading
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Final, NamedTuple

from bandit_svc.eventlog.files.frames import could_begin, epoch_of, identity_of
from bandit_svc.eventlog.files.live import Live, read_live
from bandit_svc.eventlog.files.manifest import Manifest
from bandit_svc.eventlog.files.segments import (
    MANIFESTS,
    PRIVATE_FOLDER,
    created,
    live_path,
    manifest_path,
)

_TOTAL: Final = struct.Struct("<Q")
_ENTRY: Final = struct.Struct("<QQ")
_CRC: Final = struct.Struct("<I")


class Expected(NamedTuple):
    """How a segment must end; None for what is not known."""

    sequence: int | None = None
    """Sequence number of the record after its last."""
    bytes: int | None = None
    """Its length without the footer."""
    footer_crc: int | None = None
    """Checksum of its footer; 0 where it has none."""
    exact: bool = False
    """Whether the sequence number can't be higher."""


class Known(NamedTuple):
    """Manifest and live counter as they were before the segments were listed."""

    manifest: Manifest | None
    live: Live | None
    trusted: bool
    """Whether the manifest is there and every byte of it is in order."""

    @property
    def numbers(self) -> set[int]:
        """The segments that there were."""
        found = set() if self.manifest is None else set(self.manifest.first)
        if self.live is not None:
            found.add(self.live.segment)
        return found

    @property
    def parts(self) -> dict[bytes, bytes]:
        """The shared parts that the manifest keeps."""
        return {} if self.manifest is None else dict(self.manifest.parts)

    def first(self, segment: int) -> int | None:
        """Return the sequence number of a segment's first record, where known."""
        if self.manifest is not None and segment in self.manifest.first:
            return self.manifest.first[segment]
        if self.live is not None and self.live.segment == segment:
            return self.live.first
        return None

    def end(self, segment: int) -> Expected:
        """Return how a segment must end."""
        if self.manifest is not None and segment in self.manifest.ended:
            ended = self.manifest.ended[segment]
            return Expected(ended.sequence, ended.bytes, ended.footer_crc, exact=True)
        if self.live is not None and self.live.segment == segment:
            return Expected(self.live.sequence, self.live.bytes)
        following = self.first(segment + 1)
        return Expected(following, exact=following is not None)

    @property
    def boot_id(self) -> bytes | None:
        """The boot in which the partition was written."""
        return None if self.manifest is None else self.manifest.boot_id


class KnownPartitions:
    """Reads manifests step by step, as they grow; thread-safe."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._manifests: dict[str, Manifest] = {}
        self._lock = threading.Lock()

    def of(self, partition: str) -> Known:
        """Return what is known of a partition now.

        Raises:
            OSError: a file can't be read.
            NewerFormat: a newer version wrote it.
        """
        # The counter first: what it says was in the segments before they are read.
        identity = identity_of(epoch_of(partition), 0)
        live = read_live(live_path(self._root, partition), identity)
        with self._lock:
            return self._with_manifest(partition, live)

    def forget(self, partition: str) -> None:
        """Let go of a partition that is gone."""
        with self._lock:
            self._manifests.pop(partition, None)

    def _with_manifest(self, partition: str, live: Live | None) -> Known:
        path = manifest_path(self._root, partition)
        manifest = self._manifests.pop(partition, None) or Manifest(partition)
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                if size < manifest.read_bytes:
                    manifest = Manifest(partition)
                file.seek(manifest.read_bytes)
                before, new = manifest.read_bytes, file.read()
                manifest.update(new)
                rest = new[manifest.read_bytes - before :]
                # A writer that was killed may have left an entry half written.
                damaged = bool(rest) and not could_begin(rest, 0)
        except FileNotFoundError:
            return Known(None, live, trusted=False)
        self._manifests[partition] = manifest
        whole = manifest.whole and manifest.boot_id is not None and not damaged
        return Known(manifest, live, trusted=whole)


class ReleasedFacts:
    """How many facts were in the partitions that were read and deleted.

    The store keeps the same number, so that either of the two can be seen to be older
    than the other. A partition whose manifest is still to be deleted has an entry of
    its own: after a kill in between it is listed, and released again.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / MANIFESTS / "released"

    def total(self, present: Collection[str]) -> int:
        """Return the facts of all released partitions but those that are listed.

        A file that is missing or damaged counts 0.

        Raises:
            OSError: it can't be read.
        """
        total, entries = self._read()
        listed = {epoch_of(partition) for partition in present}
        return total + sum(n for epoch, n in entries.items() if epoch not in listed)

    def add(self, partition: str, facts: int, present: Collection[str]) -> None:
        """Count the facts of a partition, durably; a second time changes nothing.

        Raises:
            OSError: the disk refused; nothing was counted.
        """
        if not facts:
            return
        total, entries = self._read()
        listed = {epoch_of(one) for one in present}
        total += sum(n for epoch, n in entries.items() if epoch not in listed)
        kept = {epoch: n for epoch, n in entries.items() if epoch in listed}
        kept[epoch_of(partition)] = facts
        data = _TOTAL.pack(total)
        data += b"".join(_ENTRY.pack(*entry) for entry in kept.items())
        self._path.parent.mkdir(exist_ok=True, mode=PRIVATE_FOLDER)
        new = self._path.with_suffix(".new")
        with os.fdopen(created(new), "wb") as file:
            file.write(data + _CRC.pack(zlib.crc32(data)))
            file.flush()
            os.fsync(file.fileno())
        new.rename(self._path)

    def _read(self) -> tuple[int, dict[int, int]]:
        """Return the total and the entries by epoch."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return 0, {}
        data, crc = content[: -_CRC.size], content[-_CRC.size :]
        whole = (
            len(data) >= _TOTAL.size and (len(data) - _TOTAL.size) % _ENTRY.size == 0
        )
        if not whole or crc != _CRC.pack(zlib.crc32(data)):
            return 0, {}
        (total,) = _TOTAL.unpack_from(data)
        return total, dict(_ENTRY.iter_unpack(data[_TOTAL.size :]))
