"""Describe the partitions on disk for an operator (`bandit-svc doctor`).

Read-only: repairs nothing, deletes nothing, and needs no running service.
"""

from pathlib import Path
from typing import NamedTuple

from bandit_svc.eventlog.files.segments import (
    is_alive,
    list_partitions,
    list_segments,
    segment_size,
)


class PartitionStatus(NamedTuple):
    """One partition as it lies on disk."""

    partition: str
    alive: bool
    """True while its writer's process lives."""
    segments: int
    """Number of its files."""
    bytes: int
    """Their size together, read and unread."""


def inspect(root: Path) -> list[PartitionStatus]:
    """Describe every partition, oldest first; none where the root is missing."""
    return [_status(root / name) for name in list_partitions(root)]


def _status(folder: Path) -> PartitionStatus:
    alive = is_alive(folder)
    segments = list_segments(folder)
    size = sum(segment_size(folder, number) for number in segments)
    return PartitionStatus(folder.name, alive, len(segments), size)
