"""The group of a unit, and the name that it is told from.

Owns the number in [0, 1) of a unit, and the pseudonym of an id. Pure: salts and keys
are passed in.
"""

import functools
import hashlib
from typing import Final

PSEUDONYM_PREFIX: Final = "p_"
_PSEUDONYM_BYTES: Final = 12
"""Two of 10^9 units share a pseudonym with a chance of 10^-11."""


def uniform_of_unit(salt: str, unit_id: str) -> float:
    """Return a unit's number in [0, 1), by which its group is told for any holdout."""
    digest = _group_hash(salt).copy()
    digest.update(unit_id.encode("utf-8", "surrogatepass"))
    return int.from_bytes(digest.digest(), "big") / 2**64


@functools.lru_cache(maxsize=1024)
def _group_hash(salt: str) -> hashlib.blake2b:
    """Return the begun hash of an experiment, to be copied for each unit."""
    return hashlib.blake2b(digest_size=8, key=salt.encode(), person=b"group")


def is_held_out(uniform: float, holdout: float) -> bool:
    """Return whether a number that is uniform in [0, 1) is in the holdout."""
    return uniform < holdout


def naming(key: bytes) -> hashlib.blake2b:
    """Return the begun hash of a store's pseudonyms, to be copied for each id."""
    return hashlib.blake2b(key=key, digest_size=_PSEUDONYM_BYTES)


def pseudonym(keyed: hashlib.blake2b, unit_id: str) -> str:
    """Return the name under which a store keeps a unit.

    Args:
        keyed: of `naming`.
        unit_id: as a caller has it.
    """
    # A copy has the key behind it already.
    hashing = keyed.copy()
    try:
        hashing.update(unit_id.encode())
    except UnicodeEncodeError:
        hashing.update(unit_id.encode("utf-8", "surrogatepass"))
    return PSEUDONYM_PREFIX + hashing.hexdigest()
