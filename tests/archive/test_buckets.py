"""All decisions of a unit are in one file, and nothing is lost or changed."""

from pathlib import Path

import numpy as np
import pytest

from bandit_svc.archive.buckets import MOST, ROWS, Buckets


@pytest.mark.parametrize("rows", [0, 3 * ROWS, 10_000 * ROWS])
def test_every_unit_is_in_one_file_with_all_its_numbers(
    tmp_path: Path, rows: int
) -> None:
    """Numbers of units are of any size and sign; NaN is a number like others."""
    rng = np.random.default_rng(5)
    bounds = np.iinfo(np.int64)
    units = rng.choice(rng.integers(bounds.min, bounds.max, 500), 4_000)
    values = np.where(rng.random(4_000) < 0.1, np.nan, rng.normal(size=4_000))
    second = np.arange(4_000.0)
    with Buckets(tmp_path, rows, 2) as buckets:
        for part in np.split(np.arange(4_000), 7 * [0] + [1_000, 2_500]):
            buckets.add(units[part], [values[part], second[part]])
        found = [*buckets.read()]
        again = [*buckets.read()]
    together = np.concatenate([place for _, _, place in found]).astype(np.int64)
    files = len([*tmp_path.iterdir()])

    assert [unit.size for unit, _, _ in again] == [0] * files
    assert files == min(MOST, 1 + rows // ROWS)
    assert sorted(together) == [*range(4_000)]
    assert sum(len(np.unique(unit)) for unit, _, _ in found) == len(np.unique(units))
    for unit, value, place in found:
        at = place.astype(np.int64)
        assert np.array_equal(unit, units[at])
        assert np.array_equal(value, values[at], equal_nan=True)
