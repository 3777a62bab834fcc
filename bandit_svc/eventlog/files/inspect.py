"""Describe the partitions on disk for an operator (`bandit-svc doctor`).

Read-only: repairs nothing, deletes nothing, and needs no running service.
"""

from pathlib import Path

from bandit_svc.eventlog.files.segments import (
    is_alive,
    list_partitions,
    list_segments,
    segment_size,
)
from bandit_svc.eventlog.interface import PartitionStatus


def inspect(root: Path) -> list[PartitionStatus]:
    """Describe every partition, oldest first; none where the root is missing."""
    return [_status(root / name) for name in list_partitions(root)]


def _status(folder: Path) -> PartitionStatus:
    alive = is_alive(folder)
    segments = list_segments(folder)
    size = sum(segment_size(folder, number) for number in segments)
    return PartitionStatus(folder.name, alive, len(segments), size)
