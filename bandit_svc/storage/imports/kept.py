"""Imported decisions: what was read of other systems' logs, and of which files.

Owns the records and the protocol that every backend implements; see storage.interface
for the words that hold of all protocols. Imported decisions are in an order of their
own, at positions below 0, which `JoinedOrder.after` reads too. Policies learn from
them; no sum, report or estimate has them.

A file is kept in many transactions and *completed* in one. Before that nobody sees it,
and the next import of the experiment forgets it.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.plain_values import Payload
from bandit_svc.domain.variant import Variant


class ImportedChoice(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One decision of another log, in the words of an experiment.

    Attributes:
        variants: keys of the variants that could be chosen.
        chosen: index into `variants`.
        propensity: with which it was chosen.
        reward: within the experiment's range.
        context: as a decision's.
        unit_id: whom it was for, as units are kept here; None where the file names
            none.
        revision: of the experiment whose variants these are.
        number: of that experiment; 0 for the one that they were imported into.
        inline_variants: the variants, where a request had brought its own.
    """

    variants: tuple[str, ...]
    chosen: int
    propensity: float
    reward: float
    context: Payload
    unit_id: str | None = None
    revision: int = 1
    number: int = 0
    inline_variants: tuple[Variant, ...] | None = None


class ImportedFile(NamedTuple):
    """A file that was imported.

    Attributes:
        name: of the file, without its folder.
        sha256: of its bytes, in hex.
        decisions: that were imported.
        last: the position of the last of them.
        imported_at_ms: when that was completed.
    """

    name: str
    sha256: str
    decisions: int
    last: int
    imported_at_ms: int


class Imports(Protocol):
    """The imported decisions of a store."""

    def last_position(self, number: int) -> int:
        """Return the last position of completed imports of an experiment.

        BEFORE_IMPORTS if there are none.
        """

    def files(self, number: int) -> list[ImportedFile]:
        """Return the files that were imported into an experiment, oldest first."""

    def begin(self, number: int) -> int:
        """Forget what was never completed; return the position before the next one.

        The caller holds the lease of the experiment's imports.
        """

    def add(
        self, number: int, position: int, choices: Sequence[ImportedChoice]
    ) -> None:
        """Keep decisions behind a position; nobody sees them yet."""

    def complete(
        self, experiment: Experiment, file: ImportedFile, note: str
    ) -> Experiment:
        """Make the decisions of a file part of what is learned.

        In the same transaction the experiment gets a revision with the note, so that
        learners see it at once.

        Raises:
            Conflict: somebody revised the experiment since it was read.
        """
