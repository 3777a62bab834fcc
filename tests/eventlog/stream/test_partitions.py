"""The partition of an experiment never changes, and each is used."""

from collections import Counter

import pytest

from bandit_svc.domain.events.record import DECISION, LINE, REWARD, UNIT, Record
from bandit_svc.eventlog.stream.partitions import (
    number_in,
    partition_names,
    partition_of,
)

PARTITIONS = 4


def test_the_partition_of_a_number_stays_for_ever() -> None:
    found = [partition_of(number, 32) for number in (0, 1, 2, 1000)]

    assert found == ["24", "24", "21", "19"]


def test_a_partition_has_its_share_of_the_experiments() -> None:
    counts = Counter(partition_of(number, PARTITIONS) for number in range(4000))

    assert sorted(counts) == ["0", "1", "2", "3"]
    # 1,000 each are expected, with a standard deviation of 27.
    assert min(counts.values()) > 850


def test_the_names_have_the_partition_of_units_last() -> None:
    assert partition_names(PARTITIONS) == ["0", "1", "2", "3", "u0"]


@pytest.mark.parametrize("kind", [DECISION, REWARD])
def test_a_record_names_the_experiment_of_its_id(kind: int) -> None:
    payload = bytes(15) + (70_000).to_bytes(4, "big") + bytes(30)

    assert number_in(Record(kind, payload)) == 70_000


def test_a_fact_about_a_unit_names_no_experiment() -> None:
    assert number_in(Record(UNIT, b"{}")) is None


def test_a_line_of_format_1_is_refused() -> None:
    with pytest.raises(ValueError, match="let a learner of this folder read it first"):
        number_in(Record(LINE, b"{}"))
