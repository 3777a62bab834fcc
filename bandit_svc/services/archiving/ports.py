"""The ports of the verbs of this room.

Owns the one bundle of ports that they take.
"""

from pathlib import Path
from typing import NamedTuple

from bandit_svc.archive.target import ArchiveTarget
from bandit_svc.storage.interface import Storage


class ArchivePorts(NamedTuple):
    """The store and its archive, as one process has them open."""

    storage: Storage
    target: ArchiveTarget
    folder: Path
    """In which files are made before they are put; the data folder."""
