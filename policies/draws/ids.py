"""The bytes of a decision's id, and the number that is drawn from them.

Owns the layout of an id that is made of a time, its text, its signature, and the
uniform number of an id and a purpose. Pure: entropy, clock and keys are passed in.
bandit_svc.domain.events.decision_id says what the other ids are.
"""

import binascii
import functools
import hashlib
import struct
from typing import Final

MAC_BYTES: Final = 10
TAG_BYTES: Final = 4
"""Of the entropy of a local id: which client's key has signed it."""
PLACE_OF_TAG: Final = slice(6, 6 + TAG_BYTES)
_TAIL: Final = struct.Struct(">IB")
"""Number and flags, of what is signed."""
_STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
# Unreserved in URLs (RFC 3986), and in the order of ASCII, so that ids sort as
# their bytes do.
_SORTED = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
_TO_SORTED = bytes.maketrans(_STANDARD, _SORTED)
# Every other byte becomes one that no base64 has.
FROM_SORTED = bytearray(b"!" * 256)
for _ours, _standard in zip(_SORTED, _STANDARD, strict=True):
    FROM_SORTED[_ours] = _standard


def plain_text_id(raw: bytes) -> str:
    """Return the 40 characters of the 30 bytes of an id."""
    encoded = binascii.b2a_base64(raw, newline=False)
    return encoded.translate(_TO_SORTED).decode()


def signing(key: bytes) -> hashlib.blake2b:
    """Return the begun hash of a key, to be copied for each id."""
    # Copied for each id, which costs less than to begin with the key.
    return hashlib.blake2b(digest_size=MAC_BYTES, key=key, person=b"decision-id")


def signature(keyed: hashlib.blake2b, body: bytes) -> bytes:
    """Return the last 10 bytes of an id, over the 20 before them."""
    mac = keyed.copy()
    mac.update(body)
    return mac.digest()


def signed(keyed: hashlib.blake2b, head: bytes, number: int, flags: int) -> bytes:
    """Return the 30 bytes of an id.

    Args:
        keyed: of `signing`.
        head: 15 bytes.
        number: of the experiment.
        flags: see bandit_svc.domain.events.decision_id.
    """
    body = head + _TAIL.pack(number, flags)
    return body + signature(keyed, body)


def local_id(
    keyed: hashlib.blake2b, tag: bytes, number: int, now_ms: int, entropy: bytes
) -> str:
    """Return the id of a decision that is made in the process of a caller.

    Args:
        keyed: `signing` of the client's key.
        tag: 4 bytes that name this key.
        number: of the experiment.
        now_ms: milliseconds since the epoch.
        entropy: 5 bytes, never used before in this millisecond.
    """
    head = now_ms.to_bytes(6, "big") + tag + entropy
    return plain_text_id(signed(keyed, head, number, 0))


def uniform_from_id(decision_id: str, purpose: bytes) -> float:
    """Draw the one number in [0, 1) that belongs to an id and a purpose.

    The id is the seed of its decision, so that anyone who holds the log can draw
    again. 53 bits, as many as a float holds.
    """
    digest = _hash_for(purpose).copy()
    digest.update(decision_id.encode())
    return float((int.from_bytes(digest.digest(), "big") >> 11) * 2.0**-53)


@functools.cache
def _hash_for(purpose: bytes) -> hashlib.blake2b:
    """Return the begun hash of a purpose; there are two or three."""
    return hashlib.blake2b(digest_size=8, person=purpose)
