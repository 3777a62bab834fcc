"""A record with variants of its own is read without its part alone."""

from bandit_svc.domain.events.codec import FactDecoder
from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.decision_encoder import DecisionEncoder
from bandit_svc.domain.events.decision_id import SECRET_BYTES, DecisionIds
from bandit_svc.domain.events.record import Record

IDS = DecisionIds(bytes(SECRET_BYTES))


def test_a_pmf_of_a_part_may_be_over_the_variants_of_the_record() -> None:
    decision = Decision(
        id=IDS.issue(1, 0, bytes(9), deferred=False),
        experiment="hero",
        number=1,
        revision=1,
        decided_at_ms=0,
        group="treatment",
        context={},
        variants=("a", "b"),
        pmf=(0.5, 0.5),
        chosen=0,
        propensity=0.5,
        model_version=0,
        source="policy",
        baseline_pmf=(0.0, 1.0),
    )
    record = DecisionEncoder().encode(decision, ("a",))
    parts = {part.key: part.body for part in record.parts}

    read = FactDecoder(IDS).decode(Record(record.kind, record.payload), parts)

    assert read == decision
