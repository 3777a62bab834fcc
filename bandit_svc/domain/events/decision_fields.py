"""The numbered fields of a decision's record and of its shared parts.

Owns the numbers, which never change their meaning, and the reading of the fields
that a part and a record have. docs/log-format.md lists them. Pure.
"""

import itertools
from collections.abc import Mapping
from typing import Final, Protocol

import msgspec
from msgspec.structs import replace

from bandit_svc.domain.apprentice.shown import Shown, decode_shown
from bandit_svc.domain.enriching.declared import Filled
from bandit_svc.domain.events.packing import (
    Malformed,
    read_fields,
    read_float,
    read_pmf,
    read_varint,
)
from bandit_svc.domain.experiment import BASELINE, TREATMENT, Group
from bandit_svc.domain.local.mark import LocalMark, decode_local
from bandit_svc.domain.programmes.counted import CountedCap, decode_counted
from bandit_svc.domain.programmes.membership import Membership, decode_membership
from bandit_svc.domain.slots.page import Page, decode_page
from bandit_svc.domain.splits.branch import Branch, decode_branch
from bandit_svc.domain.variant import Variant


class Field:
    """The numbers; those without a reader yet are reserved for what comes."""

    PARTS: Final = 1
    EXPERIMENT: Final = 2
    REVISION: Final = 3
    GROUP: Final = 4
    VARIANTS: Final = 5
    POSITIONS: Final = 6
    INLINE_VARIANTS: Final = 7
    PMF: Final = 8
    DECIDED_AT: Final = 9
    REQUEST_ID: Final = 10
    GROUP_CHANCE: Final = 11
    TREATMENT_PMF: Final = 12
    BASELINE_PMF: Final = 13
    TRACE_ID: Final = 14
    PROGRAMME: Final = 15
    BRANCH: Final = 16
    SLOTS: Final = 17
    KEPT_OUT: Final = 18
    FILLED: Final = 19
    ASKED_UNIT: Final = 20
    UNIT_UNREAD: Final = 21
    WITHOUT_CONSENT: Final = 22
    COUNTED: Final = 23
    SHOWN: Final = 26
    LOCAL: Final = 28


_PMFS: Final = {
    Field.PMF: "pmf",
    Field.TREATMENT_PMF: "treatment_pmf",
    Field.BASELINE_PMF: "baseline_pmf",
}
_TEXTS: Final = {
    Field.REQUEST_ID: "request_id",
    Field.TRACE_ID: "trace_id",
    Field.ASKED_UNIT: "asked_unit_id",
}
_FLAGS: Final = {
    Field.UNIT_UNREAD: "unit_unread",
    Field.WITHOUT_CONSENT: "without_consent",
}
_READ: Final = frozenset(
    {*range(Field.PARTS, Field.COUNTED + 1), Field.SHOWN, Field.LOCAL}
)
GROUPS: Final[tuple[Group, ...]] = (TREATMENT, BASELINE)

Pmf = tuple[float, ...]
SERVED: Final[Pmf] = ()
"""Stands for the pmf of the decision itself."""

encode_variants = msgspec.json.Encoder().encode
_decode_variants = msgspec.json.Decoder(tuple[Variant, ...]).decode
encode_reasons = msgspec.json.Encoder().encode
_decode_reasons = msgspec.json.Decoder(dict[str, str]).decode
encode_filled = msgspec.json.Encoder().encode
_decode_filled = msgspec.json.Decoder(tuple[Filled, ...]).decode


class Bodies(Protocol):
    """The bodies of shared parts, by key."""

    def get(self, key: bytes, /) -> bytes | None:
        """Return one, None if it is missing."""


class Shared(msgspec.Struct, frozen=True):
    """Fields of one decision in the form that it is made of; None for those it lacks.

    Attributes:
        pmf: the entries, where they are not in the record.
        decided_at_ms: where the id does not tell.
        treatment_pmf, baseline_pmf: SERVED for the decision's own pmf.
    """

    experiment: str
    revision: int
    group: Group
    variants: tuple[str, ...]
    inline_variants: tuple[Variant, ...] | None
    pmf: Pmf | None
    decided_at_ms: int | None
    request_id: str | None
    group_chance: float | None
    treatment_pmf: Pmf | None
    baseline_pmf: Pmf | None
    trace_id: str | None
    asked_unit_id: str | None
    unit_unread: bool
    without_consent: bool
    programme: Membership | None
    branch: Branch | None
    slots: Page | None
    kept_out: dict[str, str] | None
    counted: tuple[CountedCap, ...]
    shown: Shown | None
    local: LocalMark | None
    filled: tuple[Filled, ...]
    unknown: dict[int, bytes] | None


def read_shared(fields: Mapping[int, bytes]) -> Shared:
    """Return the fields of a part, or of a part overlaid by a record's own.

    Raises:
        Malformed: a field is missing or can't be read.
    """
    try:
        variants = read_texts(fields[Field.VARIANTS])
        positions = fields.get(Field.POSITIONS)
        if positions is not None:
            variants = tuple([variants[i] for i in read_positions(positions)])
        inline = fields.get(Field.INLINE_VARIANTS)
        decided_at = fields.get(Field.DECIDED_AT)
        group_chance = fields.get(Field.GROUP_CHANCE)
        programme = fields.get(Field.PROGRAMME)
        branch = fields.get(Field.BRANCH)
        slots = fields.get(Field.SLOTS)
        kept_out = fields.get(Field.KEPT_OUT)
        counted = fields.get(Field.COUNTED)
        shown = fields.get(Field.SHOWN)
        local = fields.get(Field.LOCAL)
        filled = fields.get(Field.FILLED)
        unknown = {n: v for n, v in fields.items() if n not in _READ}
        return Shared(
            experiment=fields[Field.EXPERIMENT].decode(),
            revision=read_varint(fields[Field.REVISION], 0)[0],
            group=GROUPS[fields[Field.GROUP][0]],
            variants=variants,
            inline_variants=None if inline is None else _decode_variants(inline),
            pmf=_pmf(fields.get(Field.PMF), len(variants)),
            decided_at_ms=None if decided_at is None else read_varint(decided_at, 0)[0],
            request_id=_text(fields.get(Field.REQUEST_ID)),
            group_chance=None if group_chance is None else read_float(group_chance),
            treatment_pmf=_pmf(fields.get(Field.TREATMENT_PMF), len(variants)),
            baseline_pmf=_pmf(fields.get(Field.BASELINE_PMF), len(variants)),
            trace_id=_text(fields.get(Field.TRACE_ID)),
            asked_unit_id=_text(fields.get(Field.ASKED_UNIT)),
            unit_unread=Field.UNIT_UNREAD in fields,
            without_consent=Field.WITHOUT_CONSENT in fields,
            programme=None if programme is None else decode_membership(programme),
            branch=None if branch is None else decode_branch(branch),
            slots=None if slots is None else decode_page(slots),
            kept_out=None if kept_out is None else _decode_reasons(kept_out),
            counted=() if counted is None else decode_counted(counted),
            shown=None if shown is None else decode_shown(shown),
            local=None if local is None else decode_local(local),
            filled=() if filled is None else _decode_filled(filled),
            unknown=unknown or None,
        )
    except (KeyError, IndexError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise Malformed(f"the fields of a decision: {error!r}") from error


def with_own(shared: Shared, own: Mapping[int, bytes]) -> Shared | None:
    """Return a part's fields overlaid by a record's own, if each is read by itself.

    None where a field changes the variants or names further parts: see `overlaid`.

    Raises:
        Malformed: a field can't be read.
    """
    changes: dict[str, Pmf | str | int | float | LocalMark | None] = {}
    count = len(shared.variants)
    for number, value in own.items():
        if number in _PMFS:
            changes[_PMFS[number]] = _pmf(value, count)
        elif number in _TEXTS:
            changes[_TEXTS[number]] = value.decode()
        elif number == Field.DECIDED_AT:
            changes["decided_at_ms"] = read_varint(value, 0)[0]
        elif number == Field.LOCAL:
            changes["local"] = decode_local(value)
        elif number in _FLAGS:
            changes[_FLAGS[number]] = True
        else:
            return None
    return replace(shared, **changes)


def _pmf(value: bytes | None, variants: int) -> Pmf | None:
    """Return the pmf of a field; no bytes at all mean the served one."""
    if value is None:
        return None
    return read_pmf(value, variants) if value else SERVED


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


def pack_texts(texts: tuple[str, ...]) -> bytes:
    """Encode keys, which hold no NUL, separated by it."""
    return "\0".join(texts).encode()


def read_texts(data: bytes) -> tuple[str, ...]:
    """Return the keys that `pack_texts` has encoded."""
    return tuple(data.decode().split("\0"))


def pack_positions(variants: tuple[str, ...], listed: tuple[str, ...]) -> bytes | None:
    """Encode which of the listed keys are eligible; None where one is not listed.

    In the listed order a bit for each key (and a zero byte in front); in any other
    order two bytes for each eligible key (and a one in front).
    """
    index = {key: i for i, key in enumerate(listed)}
    places = [index.get(key, -1) for key in variants]
    if -1 in places:
        return None
    if any(a >= b for a, b in itertools.pairwise(places)):
        return b"\1" + b"".join([place.to_bytes(2, "little") for place in places])
    bits = sum(1 << place for place in places)
    return b"\0" + bits.to_bytes((len(listed) + 7) // 8, "little")


def read_positions(data: bytes) -> list[int]:
    """Return the places in the list that `pack_positions` has encoded.

    Raises:
        Malformed: they are in none of the two forms.
    """
    body = data[1:]
    if data[:1] == b"\0":
        bits = int.from_bytes(body, "little")
        return [i for i in range(bits.bit_length()) if bits >> i & 1]
    if data[:1] == b"\1" and len(body) % 2 == 0:
        return [
            int.from_bytes(body[i : i + 2], "little") for i in range(0, len(body), 2)
        ]
    raise Malformed(f"{len(data)} bytes of positions in an unknown form")


def overlaid(own: Mapping[int, bytes], part: bytes, parts: Bodies) -> dict[int, bytes]:
    """Return the fields of a part, of the further parts that a record names, its own.

    Raises:
        Malformed: a part is missing or can't be read.
    """
    keys = own.get(Field.PARTS, b"")
    fields: dict[int, bytes] = {}
    for key in (part, *(keys[i : i + 8] for i in range(0, len(keys), 8))):
        fields.update(read_fields(body_of(key, parts)))
    fields.update(own)
    return fields


def body_of(key: bytes, parts: Bodies) -> bytes:
    """Return the body of a part.

    Raises:
        Malformed: it is missing.
    """
    body = parts.get(key)
    if body is None:
        raise Malformed(f"the shared part {key.hex()} is missing")
    return body
