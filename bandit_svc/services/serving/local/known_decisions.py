"""Decisions of clients that are in the log already.

Owns the memory of the last ones of this worker, behind it the store. A batch that comes
again at another worker before the learner has read the first is appended twice; the
learner keeps it once. Hold `lock` from the first question to `keep`.
"""

import threading
from collections import OrderedDict
from typing import Final, Protocol

from bandit_svc.errors import Conflict, FieldError
from bandit_svc.storage.joined.facts import Facts

REMEMBERED: Final = 100_000


class Said(Protocol):
    """What a record says of its choice."""

    @property
    def variant(self) -> str:
        """The chosen one."""

    @property
    def propensity(self) -> float:
        """With which it was drawn."""


class KnownDecisions:
    """One a worker."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._known: OrderedDict[bytes, bytes] = OrderedDict()
        self._gathered: dict[bytes, bytes] = {}
        self.lock = threading.Lock()

    def has(
        self,
        raw: bytes,
        decision_id: str,
        content: bytes,
        keys: tuple[str, ...],
        said: Said,
    ) -> bool:
        """Return whether a decision is logged.

        Args:
            raw: the bytes of its id.
            content: a hash of all that its record says.
            keys: of the eligible variants.
            said: of the choice.

        Raises:
            Conflict: what is logged under the id is another choice.
        """
        found = self._gathered.get(raw) or self._known.get(raw)
        if found is None:
            view = self._facts.decision(decision_id)
            if view is None:
                return False
            kept = view.decision
            same = (kept.variants, kept.variant) == (keys, said.variant)
            same = same and kept.propensity == said.propensity
        else:
            same = found == content
        if not same:
            detail = (
                "another decision was logged under this decision_id; an id is of one "
                "decision, so make another one"
            )
            raise Conflict(detail, FieldError("/decision_id", detail))
        return True

    def gathered(self, raw: bytes, content: bytes) -> None:
        """Note a record that is about to be written."""
        self._gathered[raw] = content

    def keep(self, *, written: bool) -> None:
        """Remember what was gathered, or forget it where it was not written."""
        if written:
            self._known.update(self._gathered)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        self._gathered = {}
