"""Decisions as records of format 2.

Owns what of a decision is written once, in a part that many records share, and the
layout of the rest; decision_decoder.py reads it back. Pure but for its memory of
what was seen before, which changes the size of a record and never its meaning.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from bandit_svc.domain.apprentice.shown import encode_shown
from bandit_svc.domain.enriching.declared import Filled
from bandit_svc.domain.events.decision import Decision, PmfSource
from bandit_svc.domain.events.decision_fields import (
    GROUPS,
    Field,
    encode_filled,
    encode_reasons,
    pack_texts,
)
from bandit_svc.domain.events.decision_id import raw_id, ref_of
from bandit_svc.domain.events.lists.variant_fields import VariantFields
from bandit_svc.domain.events.packing import (
    FLOAT_BYTES,
    LONG_PMF,
    certain,
    field,
    pack_float,
    pack_floats,
    pack_planes,
    pack_pmf,
    varint,
)
from bandit_svc.domain.events.record import DECISION, Part, Record, part_of
from bandit_svc.domain.local.mark import encode_local
from bandit_svc.domain.programmes.counted import encode_counted
from bandit_svc.domain.programmes.membership import Membership, encode_membership
from bandit_svc.domain.slots.page import encode_page
from bandit_svc.domain.splits.branch import Branch, encode_branch


class Form:
    """How the pmf lies in a record."""

    ALL: Final = 0
    """The propensity, and each entry as a float64; with IS_ONCE each other entry."""
    ONE_NUMBER: Final = 1
    """The number that each entry is."""
    CERTAIN: Final = 2
    """Nothing: 1.0 for the chosen variant, 0.0 for the others."""
    INHERITED: Final = 3
    """The propensity; the entries are a field of a shared part."""


SOURCES: Final[tuple[PmfSource, ...]] = ("policy", "baseline", "fallback", "explore")
_SOURCE_FLAGS: Final = {source: i for i, source in enumerate(SOURCES)}
FORM_SHIFT: Final = 2
HAS_UNIT: Final = 16
HAS_FIELDS: Final = 32
IS_ONCE: Final = 64
"""The propensity is the chosen variant's entry of the pmf too."""

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
    """Whether the treatment's and the baseline's pmf are the served one, as objects."""
    baseline: bytes | None
    """The baseline's pmf, where the part holds it."""
    baseline_pmf: tuple[float, ...] | None
    """The same in the form of a decision, whose usual pmf is this very object."""
    parts: tuple[Part]


_TemplateKey = tuple[
    str,
    int,
    str,
    int,
    float | None,
    bool,
    tuple[bool, bool],
    Membership | None,
    Branch | None,
    tuple[Filled, ...],
]


class DecisionEncoder:
    """Encodes the decisions of one process; its memory is bounded."""

    def __init__(self) -> None:
        self._templates: dict[_TemplateKey, _Template] = {}
        self._sighted: set[int] = set()
        self._repeated: dict[bytes, Part] = {}
        self._repeated_bytes = 0
        self._variants = VariantFields()

    def encode(
        self,
        decision: Decision,
        listed: tuple[str, ...] | None = None,
        issued: bytes | None = None,
    ) -> Record:
        """Return the record of a decision.

        Args:
            listed: keys of the revision's own variants, of which the eligible ones
                are usually some; the same object for each call costs least.
            issued: the bytes of the id, where it was made of the decision's own number,
                time and `deferred`; they are not compared with these.

        Raises:
            ValueError: the id is none, or says another experiment number or another
                `deferred` than the decision.
        """
        raw: bytes = issued or b""
        issued_at_ms: int | None = decision.decided_at_ms
        if not raw:
            raw, issued_at_ms = _read_id(decision)
        pmf = pack_floats(decision.pmf)
        form, chances = _chances(decision, pmf)
        template = self._template(decision, listed or decision.variants)
        shared: tuple[Part, ...] = template.parts
        own = _own_fields(decision, template, issued_at_ms, pmf)
        if decision.variants is not listed or decision.inline_variants is not None:
            own[:0] = self._variants.of(decision, template.listed)
        if form == Form.INHERITED << FORM_SHIFT:
            own.insert(0, field(Field.PMF, pack_planes(pmf)))
        fields = b""
        if own:
            fields, parts = self._packed(own)
            shared = (*shared, *parts)
        head = raw + shared[0].key
        return Record(DECISION, _payload(decision, head, form, fields, chances), shared)

    def _template(self, decision: Decision, listed: tuple[str, ...]) -> _Template:
        """Return the part for what this decision has in common with others."""
        served, baseline_pmf = decision.pmf, decision.baseline_pmf
        same = (decision.treatment_pmf is served, baseline_pmf is served)
        key = (
            decision.experiment,
            decision.revision,
            decision.group,
            id(listed),
            decision.group_chance,
            baseline_pmf is None,
            same,
            decision.programme,
            decision.branch,
            decision.filled,
        )
        found = self._templates.get(key)
        # The template holds the list, so that its id belongs to nothing else.
        if found is None or found.listed is not listed:
            if len(self._templates) >= _MAX_TEMPLATES:
                self._templates.clear()
            baseline = None if same[1] else _short_baseline(decision)
            body = _body(decision, listed, same, baseline)
            held = None if baseline is None else baseline_pmf
            found = _Template(listed, same, baseline, held, (part_of(body),))
            self._templates[key] = found
        return found

    def _packed(self, own: Sequence[bytes]) -> tuple[bytes, list[Part]]:
        """Return a record's own fields, without those that are now parts, and these."""
        kept: list[bytes] = []
        parts: list[Part] = []
        for blob in own:
            part = self._repeating(blob) if len(blob) > LONG_FIELD_BYTES else None
            if part is None:
                kept.append(blob)
            else:
                parts.append(part)
        if parts:
            kept.append(field(Field.PARTS, b"".join([part.key for part in parts])))
        return b"".join(kept), parts

    def _repeating(self, blob: bytes) -> Part | None:
        """Return a long field as a part, once it has come before."""
        part = self._repeated.get(blob)
        if part is None and self._was_sighted(blob):
            if self._repeated_bytes + len(blob) > _MAX_REPEATED_BYTES:
                self._repeated.clear()
                self._repeated_bytes = 0
            part = self._repeated[blob] = part_of(blob)
            self._repeated_bytes += len(blob)
        return part

    def _was_sighted(self, blob: bytes) -> bool:
        """Return whether these bytes, or others of equal hash, came before."""
        digest = hash(blob)
        if digest in self._sighted:
            return True
        if len(self._sighted) >= _MAX_SIGHTED:
            self._sighted.clear()
        self._sighted.add(digest)
        return False


def _read_id(decision: Decision) -> tuple[bytes, int | None]:
    """Return the bytes of a decision's id, and when it was issued.

    Raises:
        ValueError: as `DecisionEncoder.encode`.
    """
    raw = raw_id(decision.id)
    ref = ref_of(raw)
    if ref.experiment_number != decision.number or ref.deferred != decision.deferred:
        raise ValueError(
            "the id of a decision says another experiment number or another "
            "`deferred` than the decision"
        )
    return raw, ref.issued_at_ms


def _chances(decision: Decision, pmf: bytes) -> tuple[int, bytes]:
    """Return the shortest form from which pmf and propensity come back.

    Returns:
        (flags of the form, bytes).
    """
    if decision.shown is not None:
        # Its propensity is the caller's own, which is in a field.
        return Form.CERTAIN << FORM_SHIFT, b""
    propensity = pack_float(decision.propensity)
    count = len(decision.pmf)
    if pmf == propensity * count:
        return Form.ONE_NUMBER << FORM_SHIFT, propensity
    if decision.propensity == 1.0 and pmf == certain(count, decision.chosen):
        return Form.CERTAIN << FORM_SHIFT, b""
    if count >= LONG_PMF:
        return Form.INHERITED << FORM_SHIFT, propensity
    at = FLOAT_BYTES * decision.chosen
    if pmf[at : at + FLOAT_BYTES] == propensity:
        return IS_ONCE, propensity + pmf[:at] + pmf[at + FLOAT_BYTES :]
    return Form.ALL << FORM_SHIFT, propensity + pmf


def _unless_served(pmf: tuple[float, ...], served: bytes) -> bytes:
    """Return a group's pmf; nothing where it is the served one, bit by bit."""
    return b"" if pack_floats(pmf) == served else pack_pmf(pmf)


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
    if decision.programme is not None:
        packed = encode_membership(decision.programme)
        fields.append(field(Field.PROGRAMME, packed))
    if decision.branch is not None:
        fields.append(field(Field.BRANCH, encode_branch(decision.branch)))
    if decision.filled:
        fields.append(field(Field.FILLED, encode_filled(decision.filled)))
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
    decision: Decision, template: _Template, issued: int | None, pmf: bytes
) -> list[bytes]:
    """Return the fields in which a decision differs from its part, but variants."""
    found: list[bytes] = []
    if decision.decided_at_ms != issued:
        found.append(field(Field.DECIDED_AT, varint(decision.decided_at_ms)))
    if decision.request_id is not None:
        found.append(field(Field.REQUEST_ID, decision.request_id.encode()))
    treatment, baseline = decision.treatment_pmf, decision.baseline_pmf
    if treatment is not None and not template.same[0]:
        found.append(field(Field.TREATMENT_PMF, _unless_served(treatment, pmf)))
    if not (baseline is template.baseline_pmf or baseline is None or template.same[1]):
        packed = _unless_served(baseline, pmf)
        if packed != template.baseline:
            found.append(field(Field.BASELINE_PMF, packed))
    if decision.trace_id is not None:
        found.append(field(Field.TRACE_ID, decision.trace_id.encode()))
    if (
        decision.asked_unit_id is not None
        or decision.unit_unread
        or decision.without_consent
        or decision.slots is not None
        or decision.kept_out
        or decision.counted
        or decision.shown is not None
        or decision.local is not None
        or decision.unknown
    ):
        found += _rare_fields(decision)
    return found


def _rare_fields(decision: Decision) -> list[bytes]:
    """Return the fields that most decisions don't have."""
    found: list[bytes] = []
    if decision.asked_unit_id is not None:
        found.append(field(Field.ASKED_UNIT, decision.asked_unit_id.encode()))
    if decision.unit_unread:
        found.append(field(Field.UNIT_UNREAD, b""))
    if decision.without_consent:
        found.append(field(Field.WITHOUT_CONSENT, b""))
    if decision.slots is not None:
        found.append(field(Field.SLOTS, encode_page(decision.slots)))
    if decision.kept_out:
        found.append(field(Field.KEPT_OUT, encode_reasons(decision.kept_out)))
    if decision.counted:
        found.append(field(Field.COUNTED, encode_counted(decision.counted)))
    if decision.shown is not None:
        found.append(field(Field.SHOWN, encode_shown(decision.shown)))
    if decision.local is not None:
        found.append(field(Field.LOCAL, encode_local(decision.local)))
    if decision.unknown:
        found += [field(number, value) for number, value in decision.unknown.items()]
    return found


def _payload(
    decision: Decision, head: bytes, form: int, fields: bytes, chances: bytes
) -> bytes:
    """Lay the pieces out; see docs/log-format.md."""
    flags = _SOURCE_FLAGS[decision.source] | form
    if fields:
        flags |= HAS_FIELDS
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
