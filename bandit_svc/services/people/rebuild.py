"""Make the states of units anew from their facts, and compare them with the kept ones.

Owns the proof that a state is a function of the facts.
"""

import hashlib

import msgspec

from bandit_svc.services.people.following import follow
from bandit_svc.storage.units import UnitFacts, UnitRows, Units


class Rebuilt(msgspec.Struct, frozen=True):
    """The kept states beside those that the facts give, up to the same fact.

    Attributes:
        facts: how many facts there are up to there.
        ids: how many ids the facts give states for.
    """

    facts: int
    ids: int
    kept_sha256: str
    rebuilt_sha256: str

    @property
    def matches(self) -> bool:
        """True if both are the same bytes."""
        return self.kept_sha256 == self.rebuilt_sha256


def rebuild(facts: UnitFacts, units: Units, *, keep: bool) -> Rebuilt:
    """Apply every fact to nothing, and compare.

    May run beside a learner: both are compared at one moment.

    Args:
        facts: all of them.
        units: the kept states.
        keep: whether the rebuilt states replace the kept ones.
    """
    with units.empty() as fresh:
        # Most of it without holding a moment of the kept ones open.
        done = follow(facts, fresh, last=units.position()).facts
        with units.snapshot() as kept:
            done += follow(facts, fresh, last=kept.position).facts
            kept_sha256, _ = _sum(kept)
        with fresh.snapshot() as rebuilt:
            rebuilt_sha256, ids = _sum(rebuilt)
        if keep:
            with fresh.snapshot() as rebuilt:
                units.replace(rebuilt)
    return Rebuilt(done, ids, kept_sha256, rebuilt_sha256)


def _sum(kept: UnitRows) -> tuple[str, int]:
    """Return the SHA-256 of all rows, and how many they are."""
    hashed = hashlib.sha256(kept.position.to_bytes(8, "big"))
    count = 0
    for key, state in kept.rows:
        hashed.update(len(state).to_bytes(4, "big") + key + state)
        count += 1
    return hashed.hexdigest(), count
