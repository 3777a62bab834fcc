"""Sums by DuckDB give what `ope` gives, to a billionth, errors by unit included."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from bandit_svc.archive.buckets import ROWS
from bandit_svc.archive.duck import sums_of
from bandit_svc.archive.sufficient import (
    CLIP,
    Target,
    estimates_of,
    statement,
    weights_of,
)
from bandit_svc.archive.target import ArchiveTarget
from bandit_svc.errors import Unprocessable
from bandit_svc.ope.estimators.direct import direct_method
from bandit_svc.ope.estimators.doubly_robust import (
    doubly_robust,
    self_normalised_doubly_robust,
)
from bandit_svc.ope.estimators.importance import clipped_ips, ips, snips
from bandit_svc.ope.estimators.intervals import standard_error
from bandit_svc.ope.estimators.weights import WeightedSums
from bandit_svc.ope.logged import LoggedData
from tests.harness.stored.archived_world import BASELINE, VARIANTS, World

TARGETS = {
    "uniform": (Target("uniform"), np.full(VARIANTS, 1 / VARIANTS)),
    "baseline": (Target("baseline"), np.array(BASELINE)),
    "fixed:v2": (Target("fixed", "v2"), np.eye(VARIANTS)[2]),
}
UNMOVED = ("snips", "dm", "dr", "sndr")
"""A constant added to all rewards changes no error of these."""


def by_ope(logged: LoggedData) -> dict[str, tuple[float, float]]:
    """Return value and standard error by estimator."""
    found = {
        "ips": ips(logged),
        "snips": snips(logged),
        "clipped_ips": clipped_ips(logged, CLIP),
        "dm": direct_method(logged),
        "dr": doubly_robust(logged),
        "sndr": self_normalised_doubly_robust(logged),
    }
    return {
        name: (one.value, standard_error(one, logged.unit))
        for name, one in found.items()
    }


@pytest.mark.parametrize("heavy", [False, True], ids=["bounded", "heavy"])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_values_and_errors_are_those_of_ope(
    tmp_path: Path, offset: float, *, heavy: bool
) -> None:
    """100,000 decisions of about 2,900 units.

    A mean of 1e6 leaves `ope` itself ten digits of an error, so that errors which no
    constant changes are compared without it.
    """
    world = World.drawn(100_000, offset=offset, heavy=heavy)
    for part in range(2):
        half = slice(part * 50_000, (part + 1) * 50_000)
        world.cut(half).write(tmp_path / f"{part}.parquet")
    target = ArchiveTarget(f"file://{tmp_path}")
    policies = {label: policy for label, (policy, _) in TARGETS.items()}
    sums = sums_of(target, ["0.parquet", "1.parquet"], policies, str(tmp_path))

    for label, (_, chances) in TARGETS.items():
        found = estimates_of(sums[label])
        logged = world.logged(chances)
        unmoved = by_ope(world.logged(chances, offset))
        for name, (value, error) in by_ope(logged).items():
            exact = unmoved[name][1] if name in UNMOVED else error
            assert found[name].value == pytest.approx(value, rel=1e-9), (label, name)
            assert found[name].error == pytest.approx(exact, rel=1e-9), (label, name)
        weights = WeightedSums.of(logged.weight, logged.reward)
        made = weights_of(sums[label])
        assert made.effective_sample_size == pytest.approx(
            weights.effective_sample_size, rel=1e-9
        )
        assert made.max_weight == weights.max_weight


def test_sums_of_groups_of_units_are_those_of_all(tmp_path: Path) -> None:
    """Three groups; 650,000 decisions in one file."""
    world = World.drawn(2 * ROWS + 50_000, heavy=True)
    world.write(tmp_path / "part.parquet")
    target = ArchiveTarget(f"file://{tmp_path}")
    policies = {"baseline": Target("baseline")}
    sums = sums_of(target, ["part.parquet"], policies, str(tmp_path))["baseline"]
    logged = world.logged(np.array(BASELINE))
    found = estimates_of(sums)

    assert len([*tmp_path.glob("bucket-*")]) == 3
    assert sums["n"] == len(world.chosen)
    assert sums["units"] == len(np.unique(world.unit))
    assert sums["w_max"] == logged.weight.max()
    for name, (value, error) in by_ope(logged).items():
        assert found[name].value == pytest.approx(value, rel=1e-9), name
        assert found[name].error == pytest.approx(error, rel=1e-9), name


def test_where_some_predictions_are_missing_nothing_is_made_of_the_others(
    tmp_path: Path,
) -> None:
    """An experiment that got a maximum reward later has files without predictions."""
    world = World.drawn(2_000)
    world.cut(slice(1_000)).write(tmp_path / "1.parquet")
    world.cut(slice(1_000, 2_000)).write(tmp_path / "2.parquet", predicted=False)
    target = ArchiveTarget(f"file://{tmp_path}")
    for names in (["1.parquet", "2.parquet"], ["2.parquet", "1.parquet"]):
        sums = sums_of(target, names, {"u": Target("uniform")}, str(tmp_path))["u"]
        expected = by_ope(world.logged(np.full(VARIANTS, 1 / VARIANTS)))

        assert estimates_of(sums).keys() == {"ips", "snips", "clipped_ips"}
        assert estimates_of(sums)["ips"].value == pytest.approx(expected["ips"][0])


def test_a_target_that_no_decision_could_show_has_no_estimate(tmp_path: Path) -> None:
    World.drawn(500).write(tmp_path / "part.parquet")
    target = ArchiveTarget(f"file://{tmp_path}")
    policies = {"gone": Target("fixed", "gone")}
    sums = sums_of(target, ["part.parquet"], policies, str(tmp_path))["gone"]

    assert weights_of(sums).n == 0
    assert estimates_of(sums) == {}


def test_a_file_that_is_damaged_is_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "part.parquet"
    World.drawn(50_000).write(file)
    whole = file.read_bytes()
    target = ArchiveTarget(f"file://{tmp_path}")
    policies = {"u": Target("uniform")}
    middle = slice(len(whole) // 4, len(whole) // 2)
    zeros = bytes(len(whole[middle]))
    holed = whole[: middle.start] + zeros + whole[middle.stop :]
    for damaged in (whole[:-1], holed, b""):
        file.write_bytes(damaged)
        with pytest.raises(Unprocessable, match="doctor --archive URL"):
            sums_of(target, ["part.parquet"], policies, str(tmp_path))


def test_an_object_store_is_read_through_its_own_file_system(tmp_path: Path) -> None:
    source = tmp_path / "part.parquet"
    World.drawn(500).write(source)
    digest = ArchiveTarget(f"file://{tmp_path}").sha256("part.parquet")
    assert digest is not None
    target = ArchiveTarget(f"memory://{tmp_path}")
    target.put("joined/part.parquet", source, digest)
    policies = {"uniform": Target("uniform")}
    sums = sums_of(target, ["joined/part.parquet"], policies, str(tmp_path))

    assert sums["uniform"]["n"] == 500


def test_a_log_of_one_unit_has_no_estimate(tmp_path: Path) -> None:
    world = World.drawn(500)._replace(unit=np.zeros(500, dtype=np.int64))
    world.write(tmp_path / "part.parquet")
    target = ArchiveTarget(f"file://{tmp_path}")
    policies = {"uniform": Target("uniform")}
    sums = sums_of(target, ["part.parquet"], policies, str(tmp_path))

    assert estimates_of(sums["uniform"]) == {}


def test_the_whole_statement_gives_what_its_halves_give(tmp_path: Path) -> None:
    """Other engines run it in one piece."""
    world = World.drawn(20_000)
    file = tmp_path / "part.parquet"
    world.write(file)
    policies = {label: policy for label, (policy, _) in TARGETS.items()}
    target = ArchiveTarget(f"file://{tmp_path}")
    halves = sums_of(target, ["part.parquet"], policies, str(tmp_path))
    duckdb = importlib.import_module("duckdb")
    with duckdb.connect() as connection:
        for label, policy in policies.items():
            whole = statement("duckdb", f"read_parquet('{file}')", policy)
            cursor = connection.execute(whole)
            names = [column[0] for column in cursor.description]
            sums = dict(zip(names, cursor.fetchall()[0], strict=True))
            found = estimates_of(sums)

            for name, (value, error) in estimates_of(halves[label]).items():
                assert found[name].value == pytest.approx(value, rel=1e-12)
                assert found[name].error == pytest.approx(error, rel=1e-9)
