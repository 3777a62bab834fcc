"""Parse requests that bring their own variants, and know lists that come again.

Owns which bodies go the short way, and the bounded memory of checked lists by the very
bytes that they came in. What does not fit goes the way of `parsing.parse_decision`,
whose result is the same; the messages of refusals are its alone. Thread-safe.
"""

import contextlib
from typing import Final

import msgspec

from bandit_svc.domain.limits import MAX_FEATURES
from bandit_svc.domain.plain_values import Payload
from bandit_svc.domain.variant import Variant
from bandit_svc.errors import InvalidInput
from bandit_svc.http import parsing
from bandit_svc.services.serving.brought.checked_variants import CheckedVariants
from bandit_svc.services.serving.decide import DecisionRequest

MOST_KNOWN_BYTES: Final = 2_097_152
MOST_SIGHTED: Final = 4_096
_MOST_CONTEXT_BYTES: Final = parsing.LEAST_FEATURE_BYTES * MAX_FEATURES
"""A longer context may have more features than are allowed."""
_VARIANTS: Final = b'"variants"'


class BringingBody(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """POST /v1/decisions with variants; the decoder checks the limits of the rest."""

    experiment: parsing.Named
    variants: msgspec.Raw
    unit_id: parsing.Named | None = None
    context: msgspec.Raw = msgspec.Raw(b"{}")
    defer: bool = False
    links: tuple[str, ...] = ()


_decode = msgspec.json.Decoder(BringingBody).decode
_decode_context = msgspec.json.Decoder(parsing.UsualContext).decode


class DecisionBodies:
    """Reads the bodies of one worker."""

    def __init__(self) -> None:
        self._known: dict[bytes, CheckedVariants] = {}
        self._known_bytes = 0
        self._sighted: set[int] = set()
        # Of the last body: those of a batch often share it.
        self._last_context: tuple[bytes, Payload] = (b"{}", {})

    def parse(self, body: bytes) -> DecisionRequest:
        """Parse one request for a decision, as `parsing.parse_decision` does.

        Contexts and lists of variants may be shared between requests: they must not be
        changed.

        Raises:
            InvalidInput: with the pointer to the first invalid field.
        """
        if _VARIANTS not in body:
            return parsing.parse_decision(body)
        with contextlib.suppress(msgspec.MsgspecError, ValueError, RecursionError):
            return self._short(_decode(body), body)
        return parsing.parse_decision(body)

    def _short(self, bringing: BringingBody, body: bytes) -> DecisionRequest:
        """Return a request whose list is known; else parse it whole."""
        given = bytes(bringing.variants)
        variants = self._known.get(given)
        if variants is None:
            request = parsing.parse_decision(body)
            self._remember(given, request)
            return request
        context = self._context(bytes(bringing.context))
        # In the order of the struct: names would cost time.
        return DecisionRequest(
            bringing.experiment,
            bringing.unit_id,
            context,
            (),
            variants,
            None,
            bringing.defer,
            bringing.links,
        )

    def _context(self, given: bytes) -> Payload:
        """Return a context.

        Raises:
            ValueError: it may be over a limit.
        """
        last, context = self._last_context
        if given == last:
            return context
        if len(given) > _MOST_CONTEXT_BYTES:
            raise ValueError("the context is long")
        found: Payload = _decode_context(given)
        self._last_context = given, found
        return found

    def _remember(self, given: bytes, request: DecisionRequest) -> None:
        """Keep a list that came before, with what is made of it."""
        variants = request.variants or ()
        if not self._was_sighted(given) or len(given) > MOST_KNOWN_BYTES:
            return
        whole = [one for one in variants if isinstance(one, Variant)]
        if len(whole) != len(variants):
            return
        try:
            checked = CheckedVariants.of(whole)
        except InvalidInput:
            # The decision tells why, where the experiment takes variants at all.
            return
        if self._known_bytes + len(given) > MOST_KNOWN_BYTES:
            self._known, self._known_bytes = {}, 0
        self._known[given] = checked
        self._known_bytes += len(given)

    def _was_sighted(self, given: bytes) -> bool:
        """Return whether these bytes, or others of equal hash, came before."""
        digest = hash(given)
        if digest in self._sighted:
            return True
        if len(self._sighted) >= MOST_SIGHTED:
            self._sighted = set()
        self._sighted.add(digest)
        return False
