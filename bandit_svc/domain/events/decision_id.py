"""The signed id of a decision.

Owns the layout of ids, their signature, and the uniform numbers that are drawn
from them. Pure: entropy, clock and secret are passed in.

An id is 40 URL-safe characters that sort by time, of 30 bytes:
6 bytes of milliseconds and 9 of entropy (or, with a request_id, 15 of a keyed
hash of it, so that every retry gets one id), 4 of the experiment's number, 1 of
flags, 10 of a keyed BLAKE2b (RFC 7693) over the rest.
"""

import binascii
import functools
import hashlib
import hmac
import struct
from typing import Final

import msgspec

from bandit_svc.errors import FieldError, InvalidInput

ID_LENGTH = 40
RAW_ID_BYTES = 30
ENTROPY_BYTES = 9
SECRET_BYTES = 32

_FROM_REQUEST = 1
_DEFERRED = 2
_BODY_BYTES = 20
_MAC_BYTES = 10
_REF: Final = struct.Struct(">HI9xIB10x")
"""Upper and lower part of the milliseconds, number, flags; see above."""
_TAIL: Final = struct.Struct(">IB")
"""Number and flags, of what is signed."""
_STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
# Unreserved in URLs (RFC 3986), and in the order of ASCII, so that ids sort as
# their bytes do.
_SORTED = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
_TO_SORTED = bytes.maketrans(_STANDARD, _SORTED)
# Every other byte becomes one that no base64 has.
_FROM_SORTED = bytearray(b"!" * 256)
for _ours, _standard in zip(_SORTED, _STANDARD, strict=True):
    _FROM_SORTED[_ours] = _standard


class DecisionRef(msgspec.Struct, frozen=True, gc=False):
    """The facts that an id carries by itself."""

    experiment_number: int
    issued_at_ms: int | None
    """None for an id made from a request_id: it must not depend on the time."""
    deferred: bool


def raw_id(decision_id: str) -> bytes:
    """Return the 30 bytes of an id; its signature is not checked.

    Raises:
        ValueError: the text is no id.
    """
    try:
        raw = binascii.a2b_base64(
            decision_id.encode("ascii").translate(_FROM_SORTED), strict_mode=True
        )
    except ValueError:
        raw = b""
    if len(raw) != RAW_ID_BYTES:
        raise ValueError(
            f"an id has {ID_LENGTH} URL-safe characters, not {decision_id!r:.60}"
        )
    return raw


def text_id(raw: bytes) -> str:
    """Return the id of 30 bytes."""
    encoded = binascii.b2a_base64(raw, newline=False)
    return encoded.translate(_TO_SORTED).decode()


def is_from_request(raw: bytes) -> bool:
    """Return whether an id, or a text that begins with one, is from a request_id."""
    return bool(raw[19] & _FROM_REQUEST)


def number_of(raw: bytes) -> int:
    """Return the experiment number in the 30 bytes of an id."""
    return int.from_bytes(raw[15:19], "big")


def ref_of(raw: bytes) -> DecisionRef:
    """Return what the 30 bytes of an id say; their signature is not checked."""
    return DecisionRef(*facts_of(raw))


def facts_of(raw: bytes) -> tuple[int, int | None, bool]:
    """Return the same as a tuple, in the order of DecisionRef; it costs less."""
    high, low, number, flags = _REF.unpack(raw)
    issued_at_ms = None if flags & _FROM_REQUEST else high << 32 | low
    return number, issued_at_ms, flags & _DEFERRED != 0


class DecisionIds:
    """Issues and reads the ids of one service, which share its secret."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != SECRET_BYTES:
            raise InvalidInput(
                f"the service secret has {len(secret)} bytes; it must have "
                f"{SECRET_BYTES}. Restore it from a backup of the store."
            )
        self._secret = secret
        # Copied for each id, which costs less than to begin with the key.
        self._keyed = hashlib.blake2b(
            digest_size=_MAC_BYTES, key=secret, person=b"decision-id"
        )

    def issue(
        self, experiment_number: int, now_ms: int, entropy: bytes, *, deferred: bool
    ) -> str:
        """Make the id of a new decision from the clock and 9 random bytes."""
        return text_id(
            self.issue_raw(experiment_number, now_ms, entropy, deferred=deferred)
        )

    def issue_raw(
        self, experiment_number: int, now_ms: int, entropy: bytes, *, deferred: bool
    ) -> bytes:
        """Make the same id as its 30 bytes."""
        head = now_ms.to_bytes(6, "big") + entropy
        return self._sign(head, experiment_number, _DEFERRED if deferred else 0)

    def issue_for_request(
        self, experiment_number: int, request_id: str, *, deferred: bool
    ) -> str:
        """Make the one id that every retry of a request gets."""
        head = hashlib.blake2b(
            experiment_number.to_bytes(4, "big")
            + request_id.encode("utf-8", "surrogatepass"),
            digest_size=15,
            key=self._secret,
            person=b"request",
        ).digest()
        flags = _FROM_REQUEST | (_DEFERRED if deferred else 0)
        return text_id(self._sign(head, experiment_number, flags))

    def read(self, decision_id: str, pointer: str = "/decision_id") -> DecisionRef:
        """Check the signature of an id and give what it says.

        Raises:
            InvalidInput: this service did not issue it.
        """
        raw = self._raw(decision_id)
        if raw is None:
            detail = (
                "the decision_id was not issued by this service; send one back as "
                "POST /v1/decisions gave it"
            )
            raise InvalidInput(detail, FieldError(pointer, detail))
        return ref_of(raw)

    def vouches_for(self, raw: bytes) -> bool:
        """Return whether this service signed the 30 bytes of an id."""
        return hmac.compare_digest(raw[_BODY_BYTES:], self._mac(raw[:_BODY_BYTES]))

    def _sign(self, head: bytes, experiment_number: int, flags: int) -> bytes:
        body = head + _TAIL.pack(experiment_number, flags)
        return body + self._mac(body)

    def _raw(self, decision_id: str) -> bytes | None:
        try:
            raw = raw_id(decision_id)
        except ValueError:
            return None
        return raw if self.vouches_for(raw) else None

    def _mac(self, body: bytes) -> bytes:
        mac = self._keyed.copy()
        mac.update(body)
        return mac.digest()


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
