"""Names under which units are kept, in place of the ids that callers use.

Owns the function from an id to its pseudonym: `p_` and the 96 bits of a keyed BLAKE2b
hash (RFC 7693) in hexadecimal. Thread-safe. A request's ids go through it before
anything else sees them.
"""

import re
from typing import Final

from bandit_svc.domain.json_shape import check_length
from bandit_svc.domain.limits import MAX_STRING_LENGTH
from policies.draws import groups

KEY_BYTES: Final = 32
PREFIX: Final = groups.PSEUDONYM_PREFIX
_WELL_FORMED: Final = re.compile(rf"{PREFIX}[0-9a-f]{{24}}")


class Pseudonyms:
    """The pseudonyms of one store."""

    def __init__(self, key: bytes | None) -> None:
        """Begin the hash, of which each id takes a copy.

        Args:
            key: of the store; None where ids are kept as they come.
        """
        self._keyed = None if key is None else groups.naming(key)

    def of(
        self, unit_id: str, *, trusted: bool = False, pointer: str = "/unit_id"
    ) -> str:
        """Return the name under which a unit is kept.

        Args:
            unit_id: as it was sent.
            trusted: an operator sent it, who may name a pseudonym itself: one that is
                well-formed is returned as it is.
            pointer: of the field that it came in.

        Raises:
            InvalidInput: the id is empty or too long.
        """
        if not 0 < len(unit_id) <= MAX_STRING_LENGTH:
            check_length(pointer, unit_id)
        keyed = self._keyed
        if keyed is None or (trusted and is_pseudonym(unit_id)):
            return unit_id
        return groups.pseudonym(keyed, unit_id)


def is_pseudonym(unit_id: str) -> bool:
    """Return whether an id has the form of a pseudonym."""
    return _WELL_FORMED.fullmatch(unit_id) is not None
