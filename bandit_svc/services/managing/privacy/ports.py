"""The ports of the verbs of this room.

Owns the one bundle of ports that they take.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bandit_svc.domain.events.codec import FactDecoder
from bandit_svc.domain.events.cursor import Cursor
from bandit_svc.domain.events.record import Record
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.privacy import Erasure

Blank = Callable[[Record, Mapping[bytes, bytes]], bytes | None]
EraseFromLog = Callable[[Mapping[str, Cursor], Sequence[bytes], Blank], int]
"""See eventlog.erasing.erase_from_log; of one log."""

FollowArchive = Callable[[Erasure, Callable[[], None]], int]
"""See services.archiving.follow_erasure; of one store and its archive."""

SumUp = Callable[[int, Callable[[], bool]], int]
"""See services.learning.join.sum_up; of one store."""


class PrivacyPorts(NamedTuple):
    """The store, the log and the data folder, as one process has them open."""

    storage: Storage
    decoder: FactDecoder
    erase_from_log: EraseFromLog
    sum_up: SumUp
    follow_archive: FollowArchive
    folder: Path
    """Of the data."""
