"""The small Open Bandit Dataset through the command line, to every printed digit.

The log is ZOZOTOWN's: 10,000 uniform choices among 80 items in campaign `all`. The
target is their Bernoulli Thompson policy, recomputed from its published prior.
Reference: obp 0.5.7 with logistic regression and 3 folds, and the weights' own
formulas; the numbers stand in the module that made them, benchmarks/obd.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.obd.data import OpenBanditData, arguments_of, cache_folder, fetch_wheel
from tests.harness.command import Run


@pytest.fixture(scope="module")
def data() -> OpenBanditData:
    """The dataset, fetched once and checked by its SHA-256."""
    return OpenBanditData(fetch_wheel(cache_folder()))


def row(run: Run, log: Path) -> dict[str, Any]:
    result = run(*arguments_of(log), "--format", "json")
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)["policies"]
    return dict(found)


def test_thompson_sampling_from_the_uniform_log(
    run: Run, data: OpenBanditData, tmp_path: Path
) -> None:
    found = row(run, data.write_log("random", "all", tmp_path))
    estimates = found["estimates"]
    lower, upper = estimates["ips"]["interval"]

    assert f"{estimates['ips']['estimate']:.6f}" == "0.004553"
    assert f"{estimates['snips']['estimate']:.6f}" == "0.004776"
    assert f"{found['mean_weight']:.4f}" == "0.9533"
    assert f"{found['max_weight']:.2f}" == "19.60"
    assert f"{found['effective_sample_size']:.1f}" == "1639.5"
    # obp's standard error; the interval is not narrower than a normal one.
    assert (upper - lower) / 2 / 1.959964 >= 0.002090
    assert estimates["dm"]["estimate"] == pytest.approx(0.003545, rel=0.05)
    assert estimates["dr"]["estimate"] == pytest.approx(0.004727, rel=0.05)
    # What Thompson sampling really earned in its own log.
    assert lower <= 0.0042 <= upper


def test_uniform_choice_from_the_log_of_thompson_sampling(
    run: Run, data: OpenBanditData, tmp_path: Path
) -> None:
    found = row(run, data.write_log("bts", "all", tmp_path))
    ips = found["estimates"]["ips"]

    assert f"{ips['estimate']:.6f}" == "0.002360"
    # obp's normal interval is 0.000652 to 0.004067. Of 10,000 decisions with an
    # effective sample size of 340, 42 have a reward: large weights may have seen none.
    lower, upper = ips["interval"]
    assert lower < 0.000652
    assert upper > 0.004067
    # What a uniform choice really earned in its own log.
    assert lower <= 0.0038 <= upper
    assert f"{found['estimates']['snips']['estimate']:.6f}" == "0.002334"
    assert f"{found['effective_sample_size']:.1f}" == "340.4"
    assert f"{found['max_weight']:.1f}" == "277.8"


def test_a_log_that_can_not_carry_the_policy_is_refused(
    run: Run, data: OpenBanditData, tmp_path: Path
) -> None:
    found = row(run, data.write_log("bts", "women", tmp_path))

    assert "The effective sample size of 10,000" in found["refused"]
    assert all(e["estimate"] is None for e in found["estimates"].values())


@pytest.mark.parametrize("campaign", ["all", "men", "women"])
def test_the_uniform_log_passes_the_audit(
    run: Run, data: OpenBanditData, tmp_path: Path, campaign: str
) -> None:
    log = data.write_log("random", campaign, tmp_path)
    result = run(
        *("audit", "--log", log, "--action-column", "item_id"),
        *("--reward-column", "click", "--propensity-column", "propensity_score"),
    )

    assert result.exit_code == 0, result.output
