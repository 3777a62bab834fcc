"""A record with variants of its own is read without its part alone."""

import msgspec

from bandit_svc.domain.events.codec import FactDecoder
from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.decision_encoder import DecisionEncoder
from bandit_svc.domain.events.decision_id import SECRET_BYTES, DecisionIds
from bandit_svc.domain.events.record import Record
from bandit_svc.domain.variant import Variant

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


def test_a_list_that_was_brought_is_written_alike_as_one_object_and_as_many() -> None:
    brought = tuple(Variant(f"v{n}", {"name": "x" * 40, "n": n}) for n in range(8))
    plain = Decision(
        id=IDS.issue(1, 0, bytes(9), deferred=False),
        experiment="artwork",
        number=1,
        revision=1,
        decided_at_ms=0,
        group="treatment",
        context={},
        variants=tuple(variant.key for variant in brought),
        pmf=(0.125,) * 8,
        chosen=0,
        propensity=0.125,
        model_version=0,
    )
    lists = [brought, brought[::-1], brought[:1]]
    same, copied = DecisionEncoder(), DecisionEncoder()
    for inline in lists * 3:
        for listed in (("v1", "v0"), plain.variants, None):
            decision = msgspec.structs.replace(plain, inline_variants=inline)
            copy = msgspec.structs.replace(
                plain, inline_variants=(*inline[:-1], inline[-1])
            )
            assert decision.inline_variants is inline
            assert copy.inline_variants is not inline

            assert same.encode(decision, listed) == copied.encode(copy, listed)


def test_many_variants_that_come_again_are_read_with_the_pmf_over_them() -> None:
    """Their keys become a part, so that the record has a pmf and no variants."""
    keys = tuple(f"title-{n:03d}-still" for n in range(40))
    decision = Decision(
        id=IDS.issue(1, 0, bytes(9), deferred=False),
        experiment="artwork",
        number=1,
        revision=1,
        decided_at_ms=0,
        group="baseline",
        context={},
        variants=keys,
        pmf=(),
        chosen=39,
        propensity=0.0,
        model_version=0,
        inline_variants=tuple(map(Variant, keys)),
    )
    encoder = DecisionEncoder()
    for time in range(3):
        # Only what comes again is in a part, and pmfs hardly ever do.
        pmf = tuple((n + time) / 900 for n in range(40))
        decision = msgspec.structs.replace(
            decision, pmf=pmf, propensity=pmf[39], treatment_pmf=pmf[::-1]
        )
        record = encoder.encode(decision, ("a", "b"))
        parts = {part.key: part.body for part in record.parts}

        read = FactDecoder(IDS).decode(Record(record.kind, record.payload), parts)

        assert read == decision
