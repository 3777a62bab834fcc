"""The settings of what a policy does when rewards change.

Owns their names, limits and help; every kind that learns has them.
"""

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from policies.settings import Choice, Count

DETECT, IGNORE = "detect", "ignore"
MOST = 1_000_000_000

CHANGE = Choice(
    "change",
    IGNORE,
    "whether the policy begins again when rewards fall below what it expects: it "
    "detects that, or it ignores it",
    (IGNORE, DETECT),
)
MEMORY = Count(
    "memory",
    0,
    "about the last so many examples count, at least 100; 0: as many as the kind keeps",
    0,
    MOST,
)
RESET_EVERY = Count(
    "reset_every",
    0,
    "the policy begins with nothing after so many examples; 0: never",
    0,
    MOST,
)
LEAST_MEMORY = 100

LATER_SETTINGS = (CHANGE, MEMORY, RESET_EVERY)
"""Of the kinds that a `RestartingPolicy` is built around."""
LATER = frozenset(setting.name for setting in LATER_SETTINGS)


class ChangeRules(msgspec.Struct, frozen=True):
    """What a spec says of changes.

    Attributes:
        detects: whether falls of the rewards are looked for.
        memory: examples that count at most; infinite without a limit.
        reset_every: examples between two resets; 0 for never.
    """

    detects: bool
    memory: float
    reset_every: int

    @property
    def turns(self) -> bool:
        """True where old examples stop counting by themselves."""
        return self.memory < math.inf

    @property
    def acts(self) -> bool:
        """True where any of them is in force."""
        return self.detects or self.turns or self.reset_every > 0


def rules_of(spec: Mapping[str, Any]) -> ChangeRules:
    """Return what a spec says; a setting that it lacks is off."""
    memory = spec.get(MEMORY.name, 0)
    return ChangeRules(
        detects=spec.get(CHANGE.name, IGNORE) == DETECT,
        memory=float(max(memory, LEAST_MEMORY)) if memory else math.inf,
        reset_every=spec.get(RESET_EVERY.name, 0),
    )
