"""The facts of partitions that are gone, as the log counts them."""

from pathlib import Path

import pytest

from bandit_svc.eventlog.files.known import ReleasedFacts
from bandit_svc.eventlog.files.segments import MANIFESTS


@pytest.fixture
def released(tmp_path: Path) -> ReleasedFacts:
    (tmp_path / MANIFESTS).mkdir()
    return ReleasedFacts(tmp_path)


def test_facts_are_added_up_over_partitions_that_are_gone(
    released: ReleasedFacts,
) -> None:
    assert released.total([]) == 0
    released.add("one", 10, ["one"])
    released.add("two", 5, ["two"])

    assert released.total([]) == 15


def test_a_partition_that_is_still_there_does_not_count_and_counts_once(
    released: ReleasedFacts,
) -> None:
    released.add("one", 10, ["one", "two"])
    assert released.total(["one", "two"]) == 0
    # Another one is released before the first is deleted.
    released.add("two", 5, ["one", "two"])
    released.add("one", 10, ["one"])

    assert released.total(["one"]) == 5
    assert released.total([]) == 15


@pytest.mark.parametrize("place", [0, 7, 8, 23, 27])
def test_a_damaged_file_counts_nothing(
    released: ReleasedFacts, tmp_path: Path, place: int
) -> None:
    released.add("one", 10, ["one"])
    path = tmp_path / MANIFESTS / "released"
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    assert released.total([]) == 0
    path.write_bytes(content[:place])

    assert released.total([]) == 0
