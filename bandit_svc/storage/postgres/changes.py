"""A number that differs after any change to experiments or keys.

Owns the sequence `changes`. A change takes the next number before its transaction and
another one behind it, so that who reads between the two reads again.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from bandit_svc.errors import Unavailable
from bandit_svc.storage.postgres.control.listening import Listening

CREATE: Final = "CREATE SEQUENCE IF NOT EXISTS changes"


class Changes:
    """See storage.sqlite.version_file.VersionFile."""

    def __init__(self, listening: Listening) -> None:
        self._listening = listening
        self.read = listening.number
        """Return the number, from memory."""
        self.look = listening.look
        """Read the number from the server."""
        self.missed = listening.missed
        """Let the number differ, as soon as the server answers."""

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Change the number around a transaction, so that every process sees it."""
        begun = self._listening.change_begins()
        try:
            yield
        finally:
            # It may be committed; those who don't hear of its end look in a while.
            with suppress(Unavailable):
                self._listening.change_ends(begun)

    def bump(self) -> None:
        """Take another number."""
        self._listening.change_ends()
