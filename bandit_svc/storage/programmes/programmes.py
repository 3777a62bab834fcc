"""Programmes, as every backend keeps them.

Owns the protocol; see storage/interface.py.
"""

from typing import Protocol

from bandit_svc.domain.programmes.programme import Programme, ProgrammeDefinition


class Programmes(Protocol):
    """Programmes and their revisions; a change is seen by every process at once."""

    def create(
        self, definition: ProgrammeDefinition, salt: str, now_ms: int
    ) -> Programme:
        """Keep a new programme.

        Raises:
            Conflict: the key is taken.
        """

    def revise(
        self, programme: Programme, definition: ProgrammeDefinition, now_ms: int
    ) -> Programme:
        """Keep the next revision.

        Raises:
            Conflict: somebody else changed it meanwhile.
        """

    def get(self, key: str) -> Programme:
        """Return one programme as it is now.

        Raises:
            NotFound: there is none of that key.
        """

    def all(self) -> list[Programme]:
        """Return every programme as it is now, oldest first."""

    def revisions(self, number: int) -> list[Programme]:
        """Return a programme as it has been, oldest first."""
