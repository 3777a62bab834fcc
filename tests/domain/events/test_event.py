"""Every event survives the log, to the last bit."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandit_svc.domain.events.decision import Activation, Decision
from bandit_svc.domain.events.event import (
    Event,
    UnreadableEvent,
    decode_decision,
    decode_event,
    encode_event,
)
from bandit_svc.domain.events.reward import Reward
from bandit_svc.domain.variant import Variant

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
integers = st.integers(-(2**63) + 1, 2**63 - 1)
numbers = st.floats(-1e300, 1e300) | integers
scalars = texts | numbers | st.booleans() | st.none()
features = st.dictionaries(texts, scalars, max_size=4)
payloads = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=5
)
variants = st.builds(Variant, texts, features, payloads, st.booleans())
counts = st.integers(0, 2**32 - 1)
times_ms = st.integers(0, 2**48 - 1)
probabilities = st.floats(0.0, 1.0)

decisions = st.builds(
    Decision,
    id=texts,
    experiment=texts,
    number=counts,
    revision=counts,
    decided_at_ms=times_ms,
    group=st.sampled_from(["treatment", "baseline"]),
    context=st.dictionaries(texts, scalars | features, max_size=4),
    variants=st.lists(texts, max_size=3).map(tuple),
    pmf=st.lists(probabilities, max_size=3).map(tuple),
    chosen=counts,
    propensity=probabilities,
    model_version=counts,
    source=st.sampled_from(["policy", "baseline", "fallback"]),
    unit_id=st.none() | texts,
    deferred=st.booleans(),
    request_id=st.none() | texts,
    inline_variants=st.none() | st.lists(variants, max_size=2).map(tuple),
)
rewards = st.builds(
    Reward,
    decision_id=texts,
    number=counts,
    value=st.floats(-1e9, 1e9),
    reward_id=texts,
    occurred_at_ms=times_ms,
    received_at_ms=times_ms,
    metric=texts,
)
activations = st.builds(
    Activation, decision_id=texts, number=counts, activated_at_ms=times_ms
)


@given(decisions | rewards | activations)
def test_an_event_is_read_as_it_was_written(event: Event) -> None:
    assert decode_event(encode_event(event)) == event


@given(decisions | rewards | activations)
def test_an_event_is_one_line(event: Event) -> None:
    assert b"\n" not in encode_event(event)


@given(decisions)
def test_a_number_of_the_context_keeps_its_type(decision: Decision) -> None:
    read = decode_decision(encode_event(decision))

    assert {name: type(value) for name, value in read.context.items()} == {
        name: type(value) for name, value in decision.context.items()
    }


@given(st.lists(probabilities, min_size=1).map(tuple))
def test_a_pmf_survives_the_log_bit_for_bit(pmf: tuple[float, ...]) -> None:
    decision = Decision(
        id="d",
        experiment="e",
        number=1,
        revision=1,
        decided_at_ms=0,
        group="treatment",
        context={},
        variants=tuple("abc"),
        pmf=pmf,
        chosen=0,
        propensity=pmf[0],
        model_version=0,
    )
    read = decode_decision(encode_event(decision))

    assert struct.pack(f"{len(pmf)}d", *read.pmf) == struct.pack(f"{len(pmf)}d", *pmf)
    assert math.copysign(1.0, read.propensity) == math.copysign(1.0, pmf[0])


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"null",
        b'{"type":"decision"}',
        b'{"type":"later-version","decision_id":"d"}',
        b'{"type":"activation","decision_id":"d","number":1,"activated_at_ms":1',
        b'{"type":"activation","decision_id":"\xff","number":1,"activated_at_ms":1}',
        b'{"type":"reward","decision_id":"d","number":1,"value":"1"}',
    ],
)
def test_a_line_that_is_no_event_is_unreadable(line: bytes) -> None:
    with pytest.raises(UnreadableEvent):
        decode_event(line)


@given(rewards, st.data())
def test_a_line_cut_short_anywhere_is_unreadable(
    reward: Reward, data: st.DataObject
) -> None:
    line = encode_event(reward)

    with pytest.raises(UnreadableEvent):
        decode_event(line[: data.draw(st.integers(0, len(line) - 1))])


@given(rewards, st.data())
def test_a_line_whose_beginning_is_missing_is_unreadable(
    reward: Reward, data: st.DataObject
) -> None:
    line = encode_event(reward)

    with pytest.raises(UnreadableEvent):
        decode_event(line[data.draw(st.integers(1, len(line))) :])


def test_an_activation_is_no_decision() -> None:
    line = encode_event(Activation(decision_id="d", number=1, activated_at_ms=1))

    with pytest.raises(UnreadableEvent):
        decode_decision(line)
