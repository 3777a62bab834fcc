"""Definitions of experiments and their revisions.

Owns the protocol.
"""

from typing import Protocol

from bandit_svc.domain.experiment import Definition, Experiment
from bandit_svc.storage.rows import Revision


class Experiments(Protocol):
    """Definitions and their revisions."""

    def create(self, definition: Definition, salt: str, now_ms: int) -> Experiment:
        """Store revision 1 of a new experiment.

        Raises:
            Conflict: the key is taken.
        """

    def revise(
        self,
        experiment: Experiment,
        definition: Definition,
        now_ms: int,
        note: str = "",
    ) -> Experiment:
        """Store the next revision; the older ones stay.

        Args:
            note: who or what made it and why, kept beside it.

        Raises:
            Conflict: somebody revised it since `experiment` was read.
        """

    def get(self, key: str) -> Experiment:
        """Return the current revision.

        Raises:
            NotFound: there is no experiment of that key.
        """

    def all(self) -> list[Experiment]:
        """Return the current revision of each, oldest experiment first."""

    def revisions(self, number: int) -> list[Revision]:
        """Return every definition that an experiment has had, oldest first."""

    def at_revision(self, number: int, revision: int) -> Definition | None:
        """Return an earlier definition, or None."""

    def numbered(self, number: int) -> Experiment | None:
        """Return the current revision of the experiment with a number, or None."""

    def version(self) -> int:
        """Return a number that differs after any change to experiments or keys.

        Cheap enough for every request (well under a microsecond embedded). Of what
        another machine changes it tells a moment later; see `look`.
        """

    def look(self) -> None:
        """Make `version` tell of everything that was changed until now.

        Raises:
            Unavailable: the store's server is away.
        """

    def missed(self) -> None:
        """Make `version` differ again, since what it told of could not be read.

        It does so when the store's server answers.
        """
