"""The signed id of a decision.

Owns the layout of ids, their signature, and the uniform numbers that are drawn
from them, with what policies.draws.ids shares with callers that decide in their own
process. Pure: entropy, clock and secret are passed in.

An id is 40 URL-safe characters that sort by time, of 30 bytes:
6 bytes of milliseconds and 9 of entropy (or, with a request_id, 15 of a keyed
hash of it, so that every retry gets one id), 4 of the experiment's number, 1 of
flags, 10 of a keyed BLAKE2b (RFC 7693) over the rest.

The id of a slot of a page is the page's with the slot's number behind a dot. In its
30 bytes the number stands in the upper bits of the flags, which are not signed.
"""

import binascii
import hashlib
import hmac
import struct
from typing import Final

import msgspec

from bandit_svc.errors import FieldError, InvalidInput
from policies.draws import ids

ID_LENGTH = 40
RAW_ID_BYTES = 30
ENTROPY_BYTES = 9
SECRET_BYTES = 32
MAX_SLOTS = 50
"""Of a page."""

_FROM_REQUEST = 1
_DEFERRED = 2
NUMBER_PLACE: Final = slice(15, 19)
"""Where the number of the experiment lies in an id."""
_FLAGS_AT = 19
_SLOT_SHIFT = 2
_PAGE_FLAGS = _FROM_REQUEST | _DEFERRED
_ONE_PAGE = bytes((_PAGE_FLAGS,))
_NO_FLAGS = bytes(1)
_DOT = "."
_FIRST = ".1"
_BODY_BYTES = 20
_REF: Final = struct.Struct(">HI9xIB10x")
"""Upper and lower part of the milliseconds, number, flags; see above."""


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
            decision_id.encode("ascii").translate(ids.FROM_SORTED), strict_mode=True
        )
    except ValueError:
        raw = b""
    if len(raw) != RAW_ID_BYTES:
        return _raw_slot_id(decision_id)
    if raw[_FLAGS_AT] > _PAGE_FLAGS:
        # A slot's number has one form alone, behind the dot.
        raise _no_id(decision_id)
    return raw


def _raw_slot_id(decision_id: str) -> bytes:
    """Return the 30 bytes of a slot's id.

    Raises:
        ValueError: the text is none.
    """
    page, _, number = decision_id.partition(_DOT)
    if not (
        number.isascii()
        and number.isdecimal()
        and len(number) <= len(str(MAX_SLOTS))
        and number == str(int(number))
        and 1 <= int(number) <= MAX_SLOTS
    ):
        raise _no_id(decision_id)
    return raw_slot_id(raw_id(page), int(number))


def _no_id(text: str) -> ValueError:
    return ValueError(f"an id has {ID_LENGTH} URL-safe characters, not {text!r:.60}")


def raw_slot_id(page: bytes, slot: int) -> bytes:
    """Return the 30 bytes of the id of a slot.

    Args:
        page: those of its page.
        slot: from 1 to MAX_SLOTS.
    """
    flags = page[_FLAGS_AT] | slot << _SLOT_SHIFT
    return page[:_FLAGS_AT] + bytes((flags,)) + page[_FLAGS_AT + 1 :]


def slot_id(page_id: str, slot: int) -> str:
    """Return the id of a slot of a page."""
    return f"{page_id}{_DOT}{slot}"


def page_of(raw: bytes) -> bytes:
    """Return the 30 bytes of a decision's own id: of a slot's, those of its page.

    Other bytes are returned as they are.
    """
    if len(raw) != RAW_ID_BYTES or raw[_FLAGS_AT] <= _PAGE_FLAGS:
        return raw
    flags = raw[_FLAGS_AT] & _PAGE_FLAGS
    return raw[:_FLAGS_AT] + bytes((flags,)) + raw[_FLAGS_AT + 1 :]


def slot_of(raw: bytes) -> int:
    """Return the number of the slot in the 30 bytes of an id; 0 of a whole decision."""
    return raw[_FLAGS_AT] >> _SLOT_SHIFT if len(raw) == RAW_ID_BYTES else 0


def split_slot(decision_id: str) -> tuple[str, int]:
    """Return the id of the decision, and the number of its slot: 0 for all of it."""
    page, _, number = decision_id.partition(_DOT)
    return page, int(number) if number.isdecimal() else 0


def is_lower_slot(decision_id: str) -> bool:
    """Return whether an id is that of a slot below the first."""
    return len(decision_id) > ID_LENGTH and not decision_id.endswith(_FIRST)


def text_id(raw: bytes) -> str:
    """Return the id of 30 bytes."""
    if raw[_FLAGS_AT] > _PAGE_FLAGS:
        return slot_id(text_id(page_of(raw)), slot_of(raw))
    return ids.plain_text_id(raw)


def is_from_request(raw: bytes) -> bool:
    """Return whether an id, or a text that begins with one, is from a request_id."""
    return bool(raw[_FLAGS_AT] & _FROM_REQUEST)


def number_of(raw: bytes) -> int:
    """Return the experiment number in the 30 bytes of an id."""
    return int.from_bytes(raw[NUMBER_PLACE], "big")


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
        self._keyed = ids.signing(secret)

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
        """Return whether this service, or a key that it derived, signed an id.

        Args:
            raw: its 30 bytes.
        """
        if raw[_FLAGS_AT : _FLAGS_AT + 1] > _ONE_PAGE:
            raw = page_of(raw)
        mac = ids.signature(self._keyed, raw[:_BODY_BYTES])
        return hmac.compare_digest(raw[_BODY_BYTES:], mac) or self.is_local(raw)

    def local_key(self, tag: bytes) -> bytes:
        """Return the key by which one client signs the ids of its own decisions.

        Args:
            tag: of `local_tag`.
        """
        return hashlib.blake2b(
            tag, digest_size=SECRET_BYTES, key=self._secret, person=b"local-ids"
        ).digest()

    def is_local(self, raw: bytes) -> bool:
        """Return whether a client signed the 30 bytes of an id, for its own decision.

        Such an id is never from a request_id, deferred or of a slot.
        """
        if raw[_FLAGS_AT : _FLAGS_AT + 1] != _NO_FLAGS:
            return False
        keyed = ids.signing(self.local_key(raw[ids.PLACE_OF_TAG]))
        mac = ids.signature(keyed, raw[:_BODY_BYTES])
        return hmac.compare_digest(raw[_BODY_BYTES:], mac)

    def _sign(self, head: bytes, experiment_number: int, flags: int) -> bytes:
        return ids.signed(self._keyed, head, experiment_number, flags)

    def _raw(self, decision_id: str) -> bytes | None:
        try:
            raw = raw_id(decision_id)
        except ValueError:
            return None
        return raw if self.vouches_for(raw) else None


uniform_from_id = ids.uniform_from_id


def local_tag(key_id: str) -> bytes:
    """Return the 4 bytes that name an API key in the ids of its local decisions."""
    return hashlib.blake2b(key_id.encode(), digest_size=ids.TAG_BYTES).digest()


def tag_of(raw: bytes) -> bytes:
    """Return the tag in the 30 bytes of a local decision's id."""
    return raw[ids.PLACE_OF_TAG]


def draw_from_id(decision_id: str) -> float:
    """Draw the number in [0, 1) by which the variant of a decision was chosen.

    The first slot of a page has the number of the page.
    """
    return uniform_from_id(decision_id.removesuffix(_FIRST), b"draw")
