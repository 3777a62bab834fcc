"""Names of rewards that sources have corrected, which don't tell whose they are.

Owns the hashes. All rewards of one unit or decision have the same beginning, so that
they are found when it is erased. Pure.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

OWNER_BYTES: Final = 8
REWARD_BYTES: Final = 16


def owner_of(id_: str) -> bytes:
    """Return the beginning of the names of all rewards of a unit or of a decision."""
    text = id_.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=OWNER_BYTES).digest()


def name_of_total(owner: str, parts: Iterable[str]) -> bytes:
    """Return the name of a reward.

    Args:
        owner: the unit, as it is kept, or the decision.
        parts: what tells it from the owner's others.
    """
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return owner_of(owner) + hashlib.blake2b(text, digest_size=REWARD_BYTES).digest()
