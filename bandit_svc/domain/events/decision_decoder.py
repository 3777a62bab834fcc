"""Records of format 2 as decisions.

Owns the reading of what decision_encoder.py lays out, and the check that the
propensity is the chosen variant's entry of the pmf. Pure but for its cache of parts.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from bandit_svc.domain.events.decision import Decision, LoggedDecision
from bandit_svc.domain.events.decision_encoder import (
    FORM_SHIFT,
    HAS_FIELDS,
    HAS_UNIT,
    IS_ONCE,
    SOURCES,
    Form,
)
from bandit_svc.domain.events.decision_fields import (
    SERVED,
    Bodies,
    Field,
    Shared,
    body_of,
    overlaid,
    read_shared,
    with_own,
)
from bandit_svc.domain.events.decision_id import (
    RAW_ID_BYTES,
    facts_of,
    text_id,
)
from bandit_svc.domain.events.packing import (
    FLOAT_BYTES,
    Malformed,
    one_hot,
    read_fields,
    read_float,
    read_floats,
    read_varint,
)
from bandit_svc.domain.events.record import PART_KEY_BYTES

_FLAGS_AT: Final = RAW_ID_BYTES + PART_KEY_BYTES
_CONTINUES: Final = 0x80
"""From this on a variable-length integer takes more than one byte."""
_MAX_CACHED = 4096
_UNREADABLE = (LookupError, UnicodeDecodeError, msgspec.DecodeError, struct.error)

_decode_context = msgspec.json.Decoder(dict[str, Any]).decode
Made = tuple[type[Decision], Callable[[bytes], Any]]
"""What a decision is made as, and what reads the bytes of its context."""
WHOLE: Final[Made] = (Decision, _decode_context)
UNPARSED: Final[Made] = (LoggedDecision, msgspec.Raw)


_OF_VARIANTS: Final = frozenset({Field.VARIANTS, Field.POSITIONS, Field.PARTS})


class DecisionDecoder:
    """Decodes decisions; its cache of parts is bounded."""

    def __init__(self) -> None:
        self._cache: dict[bytes, Shared] = {}

    def decode(self, payload: bytes, parts: Bodies, made: Made = WHOLE) -> Decision:
        """Return the decision of a record.

        Args:
            parts: the bodies of the shared parts, by key.
            made: UNPARSED leaves the context as JSON: a LoggedDecision.

        Raises:
            Malformed: it can't be read, or a part of it is missing.
        """
        try:
            return self._decode(payload, parts, made)
        except _UNREADABLE as error:
            raise Malformed(f"the record of a decision: {error!r}") from error

    def _decode(self, payload: bytes, parts: Bodies, form: Made) -> Decision:
        key = payload[RAW_ID_BYTES:_FLAGS_AT]
        flags, at = payload[_FLAGS_AT], _FLAGS_AT + 1
        if flags & HAS_FIELDS:
            length, at = read_varint(payload, at)
            own = read_fields(payload[at : at + length])
            at += length
            shared = self._with_own(own, key, parts)
        else:
            shared = self._cache.get(key) or self._cached(key, parts)
        chosen, at = payload[at], at + 1
        if chosen >= _CONTINUES:
            chosen, at = read_varint(payload, at - 1)
        model_version, at = payload[at], at + 1
        if model_version >= _CONTINUES:
            model_version, at = read_varint(payload, at - 1)
        pmf, propensity, at = _pmf(payload, at, flags, shared, chosen)
        length, at = payload[at], at + 1
        if length >= _CONTINUES:
            length, at = read_varint(payload, at - 1)
        context = payload[at : at + length]
        at += length
        unit_id = None
        if flags & HAS_UNIT:
            length, at = payload[at], at + 1
            if length >= _CONTINUES:
                length, at = read_varint(payload, at - 1)
            unit_id = payload[at : at + length].decode()
            at += length
        if at != len(payload):
            raise Malformed(f"{len(payload)} bytes of a decision that ends at {at}")
        raw = payload[:RAW_ID_BYTES]
        number, issued_at_ms, deferred = facts_of(raw)
        decided_at_ms = shared.decided_at_ms
        if decided_at_ms is None:
            decided_at_ms = issued_at_ms
        if decided_at_ms is None:
            raise Malformed("neither the id nor a field says when it was decided")
        treatment, baseline = shared.treatment_pmf, shared.baseline_pmf
        made, read = form
        # In the order of the struct, as names cost time.
        return made(
            text_id(raw),
            shared.experiment,
            number,
            shared.revision,
            decided_at_ms,
            shared.group,
            read(context),
            shared.variants,
            pmf,
            chosen,
            propensity,
            model_version,
            SOURCES[flags & 3],
            unit_id,
            deferred,
            shared.request_id,
            shared.inline_variants,
            shared.group_chance,
            pmf if treatment is SERVED else treatment,
            pmf if baseline is SERVED else baseline,
            shared.trace_id,
            shared.unknown,
            shared.asked_unit_id,
            shared.unit_unread,
            shared.without_consent,
            shared.programme,
            shared.branch,
            shared.slots,
            shared.kept_out,
            shared.counted,
            shared.shown,
            shared.local,
            shared.filled,
        )

    def _with_own(self, own: Mapping[int, bytes], key: bytes, parts: Bodies) -> Shared:
        # Pmfs of a part and of the record may be over the variants of the other, or of
        # a further part.
        if own.keys().isdisjoint(_OF_VARIANTS):
            part = self._cache.get(key) or self._cached(key, parts)
            shared = with_own(part, own)
            if shared is not None:
                return shared
        return read_shared(overlaid(own, key, parts))

    def _cached(self, key: bytes, parts: Bodies) -> Shared:
        shared = read_shared(read_fields(body_of(key, parts)))
        if len(self._cache) >= _MAX_CACHED:
            self._cache.clear()
        self._cache[key] = shared
        return shared


def own_fields(payload: bytes) -> Mapping[int, bytes]:
    """Return the fields that a record has besides those of its parts.

    Raises:
        Malformed: they can't be read.
    """
    if not payload[_FLAGS_AT] & HAS_FIELDS:
        return {}
    length, at = read_varint(payload, _FLAGS_AT + 1)
    return read_fields(payload[at : at + length])


def _pmf(
    payload: bytes, at: int, flags: int, shared: Shared, chosen: int
) -> tuple[tuple[float, ...], float, int]:
    """Return the pmf, the propensity, and the place after them."""
    form = flags >> FORM_SHIFT & 3
    count = len(shared.variants)
    if chosen >= count:
        raise Malformed(f"variant {chosen} of {count} was chosen")
    if form == Form.CERTAIN:
        shown = shared.shown
        propensity = 1.0 if shown is None else shown.propensity or 0.0
        return one_hot(count, chosen), propensity, at
    if flags & IS_ONCE:
        floats = read_floats(payload, at, count)
        before, after = floats[1 : chosen + 1], floats[chosen + 1 :]
        return before + floats[:1] + after, floats[0], at + FLOAT_BYTES * count
    propensity = read_float(payload[at : at + FLOAT_BYTES])
    at += FLOAT_BYTES
    if form == Form.ONE_NUMBER:
        return (propensity,) * count, propensity, at
    if form == Form.ALL:
        pmf = read_floats(payload, at, count)
        at += FLOAT_BYTES * count
    else:
        if shared.pmf is None:
            raise Malformed("neither the record nor a field has the pmf")
        pmf = shared.pmf
    if pmf[chosen] != propensity:
        raise Malformed(
            f"the propensity is {propensity!r}, and the chosen variant's entry of the "
            f"pmf {pmf[chosen]!r}"
        )
    return pmf, propensity, at
