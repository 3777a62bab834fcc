"""How many bytes a decision takes in the log.

The shapes are those of the issue: 5 variants and 10 features, an experiment's key of
16 characters, a unit, the chance of the group, both groups' pmfs, a fixed baseline;
and a small batch on an experiment of 500 variants with the longest keys. Measured on
the codec and the frames; the seed is 3.
"""

import random

import pytest

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.decision_encoder import DecisionEncoder
from bandit_svc.domain.events.decision_id import SECRET_BYTES, DecisionIds
from bandit_svc.domain.events.record import Record
from bandit_svc.eventlog.files.frames import SHARED, encode_frame
from policies.pmf import mix_floor

IDS = DecisionIds(bytes(SECRET_BYTES))
LARGEST_DECISION = 250
LARGEST_BATCH = 4_000_000


def decision_of(
    generator: random.Random, variants: tuple[str, ...], pmf: tuple[float, ...]
) -> Decision:
    choice = generator.choice
    chosen = generator.randrange(len(variants))
    at_ms = 1_790_000_000_000 + generator.randrange(10**8)
    context = {
        "device": choice(["mobile", "desktop", "tablet"]),
        "hour": generator.randrange(24),
        "weather": choice(["rain", "sun", "snow"]),
        "country": choice(["DE", "FR", "US", "PL"]),
        "ref": choice(["search", "mail", "direct"]),
        "dow": choice(["mon", "sat", "sun"]),
        "os": choice(["ios", "android"]),
        "age": choice(["18-24", "25-34"]),
        "seg": choice(["new", "old"]),
        "temp": round(generator.random() * 30, 1),
    }
    return Decision(
        id=IDS.issue(7, at_ms, generator.randbytes(9), deferred=False),
        experiment="checkout-banner1",
        number=7,
        revision=3,
        decided_at_ms=at_ms,
        group="treatment",
        context=context,
        variants=variants,
        pmf=pmf,
        chosen=chosen,
        propensity=pmf[chosen],
        model_version=412,
        unit_id=f"user-{generator.randrange(10**6)}",
        group_chance=0.9,
        treatment_pmf=pmf,
        baseline_pmf=(1.0, *(0.0,) * (len(variants) - 1)),
    )


def bytes_in_log(records: list[Record]) -> int:
    """Sum the frames, and those of each shared part once."""
    parts = {part for record in records for part in record.parts}
    frames = [encode_frame(0, 0, SHARED, part.key + part.body) for part in parts]
    frames += [encode_frame(0, i, r.kind, r.payload) for i, r in enumerate(records)]
    return sum(len(data) for data, _ in frames)


def test_a_decision_of_5_variants_and_10_features_takes_250_bytes() -> None:
    generator = random.Random(3)  # noqa: S311 (sizes, not secrets)
    encoder = DecisionEncoder()
    variants = tuple(f"v{i}" for i in range(5))
    records = []
    for _ in range(2000):
        scores = [generator.expovariate(1) for _ in variants]
        pmf = tuple(score / sum(scores) for score in scores)
        records.append(encoder.encode(decision_of(generator, variants, pmf), variants))

    assert bytes_in_log(records) / len(records) <= LARGEST_DECISION


@pytest.mark.parametrize("pmfs", [1, 1000])
def test_a_batch_of_1000_on_500_variants_with_long_keys_takes_4_mb(pmfs: int) -> None:
    """With one pmf for all, as of a policy without context, and with one for each."""
    generator = random.Random(3)  # noqa: S311 (sizes, not secrets)
    encoder = DecisionEncoder()
    variants = tuple(f"{i:04d}".ljust(128, "v") for i in range(500))
    drawn = [floored_pmf(generator, len(variants)) for _ in range(pmfs)]
    records = [
        encoder.encode(decision_of(generator, variants, drawn[i % pmfs]), variants)
        for i in range(1000)
    ]

    assert bytes_in_log(records) <= LARGEST_BATCH


def floored_pmf(generator: random.Random, count: int) -> tuple[float, ...]:
    """Draw a pmf with the default exploration floor of 0.02."""
    scores = [generator.expovariate(1) for _ in range(count)]
    total = sum(scores)
    return tuple(mix_floor([score / total for score in scores], 0.02))
