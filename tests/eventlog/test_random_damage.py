"""Damage of every kind goes through the whole service, and is never undetected.

A few of each of the kinds of benchmarks/damage, 300 and more, seeded: the real writer,
reader, learner, store, reports and doctor, compared with an undamaged twin. `make
bench-damage` does 10,000.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.damage.age_kinds import AGE_KINDS
from benchmarks.damage.campaign import Twin, damaged, twins, workspace
from benchmarks.damage.log_kinds import LOG_KINDS
from benchmarks.damage.scenarios import scenarios
from benchmarks.damage.store_kinds import STORE_KINDS

KINDS = LOG_KINDS | AGE_KINDS
REPETITIONS = 4
REPETITIONS_OF_THE_STORE = 3

Ready = tuple[list[Twin], Path]


@pytest.fixture(scope="module")
def ready() -> Iterator[Ready]:
    with workspace() as root:
        yield twins(scenarios(root), root), root


@pytest.mark.parametrize("name", KINDS)
def test_random_damage_is_found_and_its_facts_are_counted(
    ready: Ready, name: str
) -> None:
    undamaged, root = ready
    for seed in range(REPETITIONS):
        verdict = damaged(undamaged, name, KINDS[name], seed, root)

        assert not verdict.undetected, verdict
        assert verdict.wrong == 0, verdict
        assert verdict.exact or verdict.at_least, verdict
        # What is lost stays told, until it is acknowledged.
        assert verdict.after or not verdict.changed, verdict


@pytest.mark.parametrize("name", STORE_KINDS)
def test_random_damage_of_the_store_is_found(ready: Ready, name: str) -> None:
    undamaged, root = ready
    for seed in range(REPETITIONS_OF_THE_STORE):
        verdict = damaged(undamaged, name, STORE_KINDS[name], seed, root)

        assert not verdict.undetected, verdict
        assert verdict.wrong == 0, verdict
        assert verdict.after or not verdict.changed, verdict
