"""Decisions as records of format 2.

Owns what of a decision is written once, in a part that many records share, and the
layout of the rest; decision_decoder.py reads it back. Pure but for its memory of
what was seen before, which changes the size of a record and never its meaning.
"""

from typing import Final, NamedTuple

import msgspec

from bandit_svc.domain.events.decision import Decision, PmfSource
from bandit_svc.domain.events.decision_fields import (
    GROUPS,
    Field,
    encode_variants,
    pack_positions,
    pack_texts,
)
from bandit_svc.domain.events.decision_id import (
    is_deferred,
    issued_at_ms,
    number_of,
    raw_id,
)
from bandit_svc.domain.events.packing import (
    certain,
    field,
    pack_float,
    pack_floats,
    pack_pmf,
    varint,
)
from bandit_svc.domain.events.record import DECISION, Part, Record, part_of


class Form:
    """How the pmf lies in a record."""

    ALL: Final = 0
    """The propensity, and each entry as a float64."""
    ONE_NUMBER: Final = 1
    """The number that each entry is."""
    CERTAIN: Final = 2
    """Nothing: 1.0 for the chosen variant, 0.0 for the others."""
    INHERITED: Final = 3
    """The propensity; the entries are a field of a shared part."""


SOURCES: Final[tuple[PmfSource, ...]] = ("policy", "baseline", "fallback")
_SOURCE_FLAGS: Final = {source: i for i, source in enumerate(SOURCES)}
FORM_SHIFT: Final = 2
HAS_UNIT: Final = 16
HAS_FIELDS: Final = 32

LONG_FIELD_BYTES = 256
"""A field over this many bytes that repeats becomes a shared part."""
_MAX_TEMPLATES = 256
_MAX_REPEATED_BYTES = 4_194_304
_MAX_SIGHTED = 4096
_SHORT_PMF_BYTES = 8

_encode_context = msgspec.json.Encoder().encode


class _Template(NamedTuple):
    """What the decisions of one revision, group and list of variants share."""

    listed: tuple[str, ...]
    same: tuple[bool, bool]
    """Whether the treatment's and the baseline's pmf are the served one."""
    baseline: bytes | None
    """The baseline's pmf, where the part holds it."""
    parts: tuple[Part]


_NEITHER: Final = (False, False)
_TemplateKey = tuple[str, int, str, int, float | None, bool, tuple[bool, bool]]


class DecisionEncoder:
    """Encodes the decisions of one process; its memory is bounded."""

    def __init__(self) -> None:
        self._templates: dict[_TemplateKey, _Template] = {}
        self._sighted: set[int] = set()
        self._repeated: dict[bytes, Part] = {}
        self._repeated_bytes = 0

    def encode(
        self, decision: Decision, listed: tuple[str, ...] | None = None
    ) -> Record:
        """Return the record of a decision.

        Args:
            listed: keys of the revision's own variants, of which the eligible ones
                are usually some; the same object for each call costs least.

        Raises:
            ValueError: the id is none, or says another experiment number or another
                `deferred` than the decision.
        """
        raw = raw_id(decision.id)
        issued = _checked(raw, decision)
        pmf, propensity = pack_floats(decision.pmf), pack_float(decision.propensity)
        form = _form(decision, pmf, propensity)
        template = self._template(decision, listed or decision.variants, pmf)
        own: list[bytes] = []
        parts: list[Part] = []
        if form == Form.ALL and len(pmf) > LONG_FIELD_BYTES:
            self._add(field(Field.PMF, pmf), own, parts)
            form = Form.INHERITED
        for blob in _own_fields(decision, template, issued):
            self._add(blob, own, parts)
        if parts:
            own.append(field(Field.PARTS, b"".join([part.key for part in parts])))
        payload = _payload(
            decision,
            raw + template.parts[0].key,
            form,
            _chances(form, pmf, propensity),
            own,
        )
        shared = (*template.parts, *parts) if parts else template.parts
        return Record(DECISION, payload, shared)

    def _template(
        self, decision: Decision, listed: tuple[str, ...], pmf: bytes
    ) -> _Template:
        """Return the part for what this decision has in common with others."""
        same = _NEITHER
        if decision.treatment_pmf is not None or decision.baseline_pmf is not None:
            same = (
                _same(decision.treatment_pmf, pmf),
                _same(decision.baseline_pmf, pmf),
            )
        key = (
            decision.experiment,
            decision.revision,
            decision.group,
            id(listed),
            decision.group_chance,
            decision.baseline_pmf is None,
            same,
        )
        found = self._templates.get(key)
        # The template holds the list, so that its id belongs to nothing else.
        if found is None or found.listed is not listed:
            if len(self._templates) >= _MAX_TEMPLATES:
                self._templates.clear()
            baseline = None if same[1] else _short_baseline(decision)
            body = _body(decision, listed, same, baseline)
            found = _Template(listed, same, baseline, (part_of(body),))
            self._templates[key] = found
        return found

    def _add(self, blob: bytes, own: list[bytes], parts: list[Part]) -> None:
        """Put a field into the record, or into a part if it is long and repeats."""
        if len(blob) <= LONG_FIELD_BYTES:
            own.append(blob)
            return
        part = self._repeated.get(blob)
        if part is None:
            if not self._was_sighted(blob):
                own.append(blob)
                return
            if self._repeated_bytes + len(blob) > _MAX_REPEATED_BYTES:
                self._repeated.clear()
                self._repeated_bytes = 0
            part = self._repeated[blob] = part_of(blob)
            self._repeated_bytes += len(blob)
        parts.append(part)

    def _was_sighted(self, blob: bytes) -> bool:
        """Return whether these bytes, or others of equal hash, came before."""
        digest = hash(blob)
        if digest in self._sighted:
            return True
        if len(self._sighted) >= _MAX_SIGHTED:
            self._sighted.clear()
        self._sighted.add(digest)
        return False


def _checked(raw: bytes, decision: Decision) -> int | None:
    """Return the time that the id says; refuse an id of another decision."""
    if number_of(raw) != decision.number or is_deferred(raw) != decision.deferred:
        raise ValueError(
            "the id of a decision says another experiment number or another "
            "`deferred` than the decision"
        )
    return issued_at_ms(raw)


def _form(decision: Decision, pmf: bytes, propensity: bytes) -> int:
    """Return the shortest form from which pmf and propensity come back."""
    count = len(decision.pmf)
    if pmf == propensity * count:
        return Form.ONE_NUMBER
    if decision.propensity == 1.0 and pmf == certain(count, decision.chosen):
        return Form.CERTAIN
    return Form.ALL


def _same(other: tuple[float, ...] | None, pmf: bytes) -> bool:
    return other is not None and pack_floats(other) == pmf


def _body(
    decision: Decision,
    listed: tuple[str, ...],
    same: tuple[bool, bool],
    baseline: bytes | None,
) -> bytes:
    """Return the fields that a part holds for many decisions."""
    fields = [
        field(Field.EXPERIMENT, decision.experiment.encode()),
        field(Field.REVISION, varint(decision.revision)),
        field(Field.GROUP, bytes((GROUPS.index(decision.group),))),
        field(Field.VARIANTS, pack_texts(listed)),
    ]
    if decision.group_chance is not None:
        fields.append(field(Field.GROUP_CHANCE, pack_float(decision.group_chance)))
    if same[0]:
        fields.append(field(Field.TREATMENT_PMF, b""))
    if same[1]:
        fields.append(field(Field.BASELINE_PMF, b""))
    elif baseline is not None:
        fields.append(field(Field.BASELINE_PMF, baseline))
    return b"".join(fields)


def _short_baseline(decision: Decision) -> bytes | None:
    """Return the baseline's pmf if a part may hold it: it rarely changes."""
    if decision.baseline_pmf is None:
        return None
    packed = pack_pmf(decision.baseline_pmf)
    return packed if len(packed) <= _SHORT_PMF_BYTES else None


def _own_fields(
    decision: Decision, template: _Template, issued: int | None
) -> list[bytes]:
    """Return the fields in which a decision differs from its part."""
    found: list[bytes] = []
    if decision.variants is not template.listed:
        found += _own_variants(decision, template.listed)
    if decision.inline_variants is not None:
        inline = encode_variants(decision.inline_variants)
        found.append(field(Field.INLINE_VARIANTS, inline))
    if decision.decided_at_ms != issued:
        found.append(field(Field.DECIDED_AT, varint(decision.decided_at_ms)))
    if decision.request_id is not None:
        found.append(field(Field.REQUEST_ID, decision.request_id.encode()))
    if decision.treatment_pmf is not None and not template.same[0]:
        found.append(field(Field.TREATMENT_PMF, pack_pmf(decision.treatment_pmf)))
    if decision.baseline_pmf is not None:
        baseline = b"" if template.same[1] else pack_pmf(decision.baseline_pmf)
        if baseline != (template.baseline or b""):
            found.append(field(Field.BASELINE_PMF, baseline))
    if decision.trace_id is not None:
        found.append(field(Field.TRACE_ID, decision.trace_id.encode()))
    if decision.unknown:
        found += [field(number, value) for number, value in decision.unknown.items()]
    return found


def _own_variants(decision: Decision, listed: tuple[str, ...]) -> list[bytes]:
    if decision.variants == listed:
        return []
    positions = pack_positions(decision.variants, listed)
    if positions is None:
        return [field(Field.VARIANTS, pack_texts(decision.variants))]
    return [field(Field.POSITIONS, positions)]


def _chances(form: int, pmf: bytes, propensity: bytes) -> bytes:
    """Return what a record says of pmf and propensity."""
    if form == Form.ALL:
        return propensity + pmf
    return b"" if form == Form.CERTAIN else propensity


def _payload(
    decision: Decision, head: bytes, form: int, chances: bytes, own: list[bytes]
) -> bytes:
    """Lay the pieces out; see docs/log-format.md."""
    flags = _SOURCE_FLAGS[decision.source] | form << FORM_SHIFT
    fields = b""
    if own:
        flags |= HAS_FIELDS
        fields = b"".join(own)
        fields = varint(len(fields)) + fields
    unit = b""
    if decision.unit_id is not None:
        flags |= HAS_UNIT
        unit = decision.unit_id.encode()
        unit = varint(len(unit)) + unit
    context = _encode_context(decision.context)
    return b"".join(
        (
            head,
            varint(flags),
            fields,
            varint(decision.chosen),
            varint(decision.model_version),
            chances,
            varint(len(context)),
            context,
            unit,
        )
    )
