"""The files of an event log, as an adversary sees them.

Owns the choice of a file and how its bytes are changed. Knows the layout of
docs/log-format.md, and of frames no more than where each begins.
"""

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bandit_svc.eventlog.files.frames import parse_frame

Change = Callable[[bytearray], None]
Kind = Callable[["LogFiles"], None]
"""A way to damage a folder; raises Inapplicable where there is nothing to damage."""


class Inapplicable(Exception):
    """A folder has nothing that a kind of damage could be done to."""


class LogFiles:
    """The log of one data folder, and a seeded choice among its files.

    Attributes:
        data: the data folder.
        earlier: a copy of it at an earlier moment.
        lives: True if workers of this process have it open.
        note: what was damaged, where the kind's name leaves it open.
    """

    def __init__(
        self, data: Path, earlier: Path, generator: random.Random, *, lives: bool
    ) -> None:
        self.data = data
        self.earlier = earlier
        self.random = generator
        self.lives = lives
        self.note = ""
        self.log = data / "log"

    @property
    def has_facts(self) -> bool:
        """True if the store has read any fact."""
        with closing(sqlite3.connect(self.data / "bandit.db")) as connection:
            found = connection.execute("SELECT 1 FROM decisions LIMIT 1").fetchone()
        return found is not None

    def segments(self) -> list[Path]:
        """Return the segments of every partition."""
        return sorted(self.log.glob("w*/0*"))

    def segment(self) -> Path:
        """Return one segment."""
        return self.one(self.segments())

    def partitions(self) -> list[Path]:
        """Return the folders of the partitions."""
        return sorted(self.log.glob("w*"))

    def manifest(self) -> Path:
        """Return the manifest of one partition."""
        return self.one(sorted(self.log.glob("manifests/*.manifest")))

    def counter(self) -> Path:
        """Return the live counter of one partition."""
        return self.one(sorted(self.log.glob("manifests/*.live")))

    def one(self, paths: list[Path]) -> Path:
        """Return one of these.

        Raises:
            Inapplicable: there is none.
        """
        if not paths:
            raise Inapplicable
        return self.random.choice(paths)

    def two(self, paths: list[Path]) -> tuple[Path, Path]:
        """Return two of these.

        Raises:
            Inapplicable: there are fewer.
        """
        if len(paths) < 2:
            raise Inapplicable
        first, second = self.random.sample(paths, 2)
        return first, second

    def place(self, content: bytes | bytearray) -> int:
        """Return an offset within some bytes.

        Raises:
            Inapplicable: there are none.
        """
        if not content:
            raise Inapplicable
        return self.random.randrange(len(content))


def edit(path: Path, change: Change) -> None:
    """Change the bytes of a file in place, as another program would."""
    content = bytearray(path.read_bytes())
    change(content)
    with path.open("r+b") as file:
        file.write(content)
        file.truncate()


def spans(content: bytes) -> list[slice]:
    """Return the places of the whole frames from the first byte on."""
    found, at = [], 0
    while (frame := parse_frame(content, at)) is not None:
        found.append(slice(at, frame.end))
        at = frame.end
    return found
