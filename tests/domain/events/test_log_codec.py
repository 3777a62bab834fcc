"""Every fact survives the records of format 2, to the last bit."""

import contextlib
import math
import struct
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bandit_svc.domain.events.codec import (
    FactDecoder,
    encode_activation,
    encode_refusal,
    encode_reward,
    is_about,
    may_be_retried,
)
from bandit_svc.domain.events.decision import Activation, Decision, PmfSource
from bandit_svc.domain.events.decision_encoder import SOURCES, DecisionEncoder
from bandit_svc.domain.events.decision_id import SECRET_BYTES, DecisionIds, raw_id
from bandit_svc.domain.events.event import UnreadableEvent, encode_event
from bandit_svc.domain.events.packing import field
from bandit_svc.domain.events.record import DECISION, LINE, OUTBOX_CURSOR, Record
from bandit_svc.domain.events.refusal import (
    REFUSED_FIELDS,
    Refusal,
    RefusedField,
    refused_field,
)
from bandit_svc.domain.events.reward import Reward
from bandit_svc.domain.experiment import Group
from bandit_svc.domain.variant import Variant
from tests.domain.events.choices import (
    branches,
    counted_caps,
    floats,
    keys,
    memberships,
    pages,
    pmfs,
    texts,
    unknown_fields,
)

# Generating decisions is slow on a loaded machine, which is no fault of the codec.
any_speed = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
IDS = DecisionIds(bytes(range(SECRET_BYTES)))
scalars = (
    texts
    | st.floats(-1e300, 1e300)
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.booleans()
    | st.none()
)
features = st.dictionaries(texts, scalars, max_size=4)
payloads = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=3
)
variants = st.builds(Variant, keys, features, payloads, st.booleans())
times_ms = st.integers(0, 2**48 - 1)
numbers = st.integers(0, 2**32 - 1)
groups: st.SearchStrategy[Group] = st.sampled_from(["treatment", "baseline"])
sources: st.SearchStrategy[PmfSource] = st.sampled_from(SOURCES)


@st.composite
def decisions(draw: st.DrawFn) -> Decision:
    number, deferred = draw(numbers), draw(st.booleans())
    issued_at_ms, request_id = draw(times_ms), draw(st.none() | texts)
    if request_id is None:
        entropy = draw(st.binary(min_size=9, max_size=9))
        decision_id = IDS.issue(number, issued_at_ms, entropy, deferred=deferred)
    else:
        decision_id = IDS.issue_for_request(number, request_id, deferred=deferred)
    eligible = tuple(draw(st.lists(keys, min_size=1, max_size=12, unique=True)))
    pmf = draw(pmfs(len(eligible)))
    chosen = draw(st.integers(0, len(eligible) - 1))
    return Decision(
        id=decision_id,
        experiment=draw(keys),
        number=number,
        revision=draw(numbers),
        decided_at_ms=draw(st.just(issued_at_ms) | times_ms),
        group=draw(groups),
        context=draw(st.dictionaries(texts, scalars | features, max_size=4)),
        variants=eligible,
        pmf=pmf,
        chosen=chosen,
        propensity=pmf[chosen],
        model_version=draw(numbers),
        source=draw(sources),
        unit_id=draw(st.none() | texts),
        deferred=deferred,
        request_id=request_id,
        inline_variants=draw(st.none() | st.lists(variants, max_size=2).map(tuple)),
        group_chance=draw(st.none() | floats),
        treatment_pmf=draw(st.none() | st.just(pmf) | pmfs(len(eligible))),
        baseline_pmf=draw(st.none() | st.just(pmf) | pmfs(len(eligible))),
        trace_id=draw(st.none() | texts),
        unknown=draw(st.none() | unknown_fields),
        asked_unit_id=draw(st.none() | texts),
        unit_unread=draw(st.booleans()),
        without_consent=draw(st.booleans()),
        programme=draw(st.none() | memberships),
        branch=draw(st.none() | branches),
        slots=draw(st.none() | pages(tuple(eligible))),
        kept_out=draw(st.none() | st.dictionaries(keys, texts, min_size=1, max_size=3)),
        counted=tuple(draw(st.lists(counted_caps, max_size=2))),
    )


def read(record: Record, parts: Mapping[bytes, bytes] | None = None) -> Any:
    known = {part.key: part.body for part in record.parts} if parts is None else parts
    return FactDecoder(IDS).decode(Record(record.kind, record.payload), known)


def bits(values: tuple[float, ...] | None) -> bytes | None:
    return None if values is None else struct.pack(f"<{len(values)}d", *values)


@any_speed
@given(decisions(), st.lists(keys, max_size=9, unique=True), st.integers(1, 2))
def test_a_decision_is_read_as_it_was_written_whatever_was_listed(
    decision: Decision, others: list[str], times: int
) -> None:
    listed = tuple(dict.fromkeys((*others, *decision.variants)))
    encoder = DecisionEncoder()
    for _ in range(times):
        for form in (decision, msgspec.structs.replace(decision)):
            for base in (None, listed, tuple(others)):
                found = read(encoder.encode(form, base))
                assert found == decision
                for name in ("pmf", "treatment_pmf", "baseline_pmf"):
                    assert bits(getattr(found, name)) == bits(getattr(decision, name))


@any_speed
@given(st.lists(decisions(), min_size=2, max_size=5))
def test_decisions_of_one_encoder_do_not_mix(several: list[Decision]) -> None:
    encoder = DecisionEncoder()
    records = [encoder.encode(decision) for decision in several]
    parts = {part.key: part.body for record in records for part in record.parts}
    decoder = FactDecoder(IDS)

    assert [decoder.decode(record, parts) for record in records] == several


@any_speed
@given(
    st.builds(
        lambda number, at_ms, entropy, **fields: Reward(
            IDS.issue(number, at_ms, entropy, deferred=False), number, **fields
        ),
        numbers,
        times_ms,
        st.binary(min_size=9, max_size=9),
        value=floats,
        reward_id=texts,
        occurred_at_ms=times_ms,
        received_at_ms=times_ms,
        metric=texts,
        clipped=st.booleans(),
    )
)
def test_a_reward_is_read_as_it_was_written(reward: Reward) -> None:
    assert read(encode_reward(reward)) == reward


@any_speed
@given(numbers, times_ms)
def test_an_activation_is_read_as_it_was_written(number: int, at_ms: int) -> None:
    decision_id = IDS.issue(number, at_ms, bytes(9), deferred=True)
    activation = Activation(decision_id, number, at_ms)

    assert read(encode_activation(activation)) == activation


@any_speed
@given(numbers, times_ms, st.sampled_from(REFUSED_FIELDS))
def test_a_refusal_is_read_as_it_was_written(
    number: int, at_ms: int, at_fault: RefusedField
) -> None:
    decision_id = IDS.issue(number, at_ms, bytes(9), deferred=False)
    refusal = Refusal(decision_id, number, at_fault, at_ms)
    record = encode_refusal(refusal)
    newer = bytearray(record.payload)
    newer[30] = len(REFUSED_FIELDS)

    assert read(record) == refusal
    unknown = read(msgspec.structs.replace(record, payload=bytes(newer)))
    assert unknown == msgspec.structs.replace(refusal, field="other")


def decision_of(**fields: object) -> Decision:
    """Return a decision of three variants, with some fields changed."""
    at_ms = 1_790_000_000_000
    plain: dict[str, Any] = {
        "id": IDS.issue(7, at_ms, bytes(9), deferred=False),
        "experiment": "hero",
        "number": 7,
        "revision": 3,
        "decided_at_ms": at_ms,
        "group": "treatment",
        "context": {"device": "mobile", "hour": 21},
        "variants": ("a", "b", "c"),
        "pmf": (0.5, 0.3, 0.2),
        "chosen": 1,
        "propensity": 0.3,
        "model_version": 12,
    }
    return Decision(**plain | fields)


def test_the_context_stands_in_the_record_as_json() -> None:
    record = DecisionEncoder().encode(decision_of())

    assert b'{"device":"mobile","hour":21}' in record.payload


def test_what_decisions_share_is_one_part_of_equal_key() -> None:
    encoder = DecisionEncoder()
    listed = ("a", "b", "c")
    first = encoder.encode(decision_of(variants=listed), listed)
    other = encoder.encode(decision_of(variants=listed, chosen=0, propensity=0.5))
    fresh = DecisionEncoder().encode(decision_of())

    assert first.parts == other.parts == fresh.parts


def test_a_narrowed_list_costs_no_new_part() -> None:
    encoder = DecisionEncoder()
    listed = tuple(f"a-long-variant-key-{i}" for i in range(100))
    whole = encoder.encode(
        decision_of(variants=listed, pmf=(0.01,) * 100, propensity=0.01), listed
    )
    fewer = decision_of(variants=listed[1:], pmf=(1 / 99,) * 99, propensity=1 / 99)
    narrowed = encoder.encode(fewer, listed)
    turned = msgspec.structs.replace(fewer, variants=listed[:0:-1])

    assert narrowed.parts == whole.parts
    assert len(narrowed.payload) < 150
    assert read(narrowed) == fewer
    assert read(encoder.encode(turned, listed)) == turned


def test_a_long_pmf_that_repeats_becomes_a_part() -> None:
    encoder = DecisionEncoder()
    listed = tuple(f"v{i}" for i in range(100))
    pmf = tuple((i + 1) / 5050 for i in range(100))
    decision = decision_of(variants=listed, pmf=pmf, chosen=4, propensity=pmf[4])
    sizes = [len(encoder.encode(decision, listed).payload) for _ in range(3)]

    assert sizes[0] > 700
    assert sizes[1] == sizes[2] < 130


def test_the_propensity_is_written_once_and_was_written_twice_before() -> None:
    record = DecisionEncoder().encode(decision_of())
    once = struct.pack("<3B3d", 64, 1, 12, 0.3, 0.5, 0.2)
    twice = struct.pack("<3B4d", 0, 1, 12, 0.3, 0.5, 0.3, 0.2)
    payload = record.payload.replace(once, twice)

    assert len(payload) == len(record.payload) + 8
    assert read(Record(DECISION, payload, record.parts)) == read(record)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"propensity": math.nextafter(0.3, 1)}, id="another propensity"),
        pytest.param({"chosen": 0}, id="another variant"),
        pytest.param({"chosen": 3}, id="a variant that is not there"),
        pytest.param({"pmf": (0.5, 0.5)}, id="a pmf over fewer variants"),
    ],
)
def test_a_choice_that_contradicts_its_pmf_is_refused_in_both_formats(
    fields: dict[str, Any],
) -> None:
    decision = decision_of(**fields)

    with pytest.raises(UnreadableEvent):
        read(DecisionEncoder().encode(decision))
    with pytest.raises(UnreadableEvent):
        read(Record(LINE, encode_event(decision)))


def test_the_id_of_another_service_is_refused_in_both_formats() -> None:
    other = DecisionIds(bytes(SECRET_BYTES))
    at_ms = 1_790_000_000_000
    foreign = other.issue(7, at_ms, bytes(9), deferred=False)
    decision = decision_of(id=foreign)
    reward = Reward(foreign, 7, 1.0, "", at_ms, at_ms)
    activation = Activation(foreign, 7, at_ms)

    for record in (
        DecisionEncoder().encode(decision),
        encode_reward(reward),
        encode_activation(activation),
        *(Record(LINE, encode_event(e)) for e in (decision, reward, activation)),
    ):
        with pytest.raises(UnreadableEvent, match="not issued"):
            read(record)


def test_an_id_that_disagrees_with_its_event_is_neither_written_nor_read() -> None:
    with pytest.raises(ValueError, match="another experiment number"):
        DecisionEncoder().encode(decision_of(number=8))
    with pytest.raises(ValueError, match="deferred"):
        DecisionEncoder().encode(decision_of(deferred=True))
    with pytest.raises(ValueError, match="another experiment number"):
        encode_reward(Reward(decision_of().id, 8, 1.0, "", 1, 1))
    with pytest.raises(UnreadableEvent, match="experiment number"):
        read(Record(LINE, encode_event(decision_of(number=8))))


def test_a_missing_part_is_named() -> None:
    record = DecisionEncoder().encode(decision_of())

    with pytest.raises(UnreadableEvent, match=record.parts[0].key.hex()):
        read(record, {})


def test_a_kind_of_a_newer_version_is_named() -> None:
    raw = raw_id(decision_of().id)
    with pytest.raises(UnreadableEvent, match="kind 21"):
        read(Record(OUTBOX_CURSOR, raw))


def test_fields_of_a_newer_minor_version_are_kept_in_both_formats() -> None:
    decision = decision_of(unknown={77: b"from the future"})
    record = DecisionEncoder().encode(decision)

    assert field(77, b"from the future") in record.payload
    assert read(record) == decision
    assert read(Record(LINE, encode_event(decision))) == decision


@any_speed
@given(decisions(), st.data())
def test_a_cut_record_is_unreadable_and_nothing_else(
    decision: Decision, data: st.DataObject
) -> None:
    record = DecisionEncoder().encode(decision)
    cut = data.draw(st.integers(0, len(record.payload) - 1))
    short = msgspec.structs.replace(record, payload=record.payload[:cut])

    with pytest.raises(UnreadableEvent):
        read(short)


@any_speed
@given(decisions(), st.integers(0, 10**6), st.integers(0, 255))
def test_any_byte_may_be_wrong_without_another_exception(
    decision: Decision, place: int, byte: int
) -> None:
    record = DecisionEncoder().encode(decision)
    changed = bytearray(record.payload)
    changed[place % len(changed)] = byte
    with contextlib.suppress(UnreadableEvent):
        read(msgspec.structs.replace(record, payload=bytes(changed)))


def test_a_record_tells_by_its_bytes_whether_it_may_be_looked_for() -> None:
    plain = DecisionEncoder().encode(decision_of())
    decision_id = IDS.issue_for_request(7, "r", deferred=False)
    asked = decision_of(id=decision_id, request_id="r")
    retried = DecisionEncoder().encode(asked)
    lines = [Record(LINE, encode_event(one)) for one in (decision_of(), asked)]

    assert [may_be_retried(r) for r in (plain, retried, *lines)] == [
        False,
        True,
        False,
        True,
    ]
    raw = raw_id(decision_id)
    assert [is_about(r, decision_id, raw) for r in (plain, retried, *lines)] == [
        False,
        True,
        False,
        True,
    ]
    assert plain.kind == DECISION


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [("/value", "value"), ("/metric", "metric"), ("/x", "other"), ("", "other")],
)
def test_a_refusal_tells_the_field_that_its_error_points_to(
    pointer: str, expected: str
) -> None:
    assert refused_field(pointer) == expected
