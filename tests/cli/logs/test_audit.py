"""`bandit-svc audit`: our own log, sound files and corrupted ones."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.harness.command import Run

ROUNDS = 5_000
NAMES = (
    *("--action-column", "item", "--reward-column", "click"),
    *("--propensity-column", "p"),
)
PMF = {"tv": (0.6, 0.2, 0.15, 0.05), "mobile": (0.1, 0.1, 0.3, 0.5)}


def write(file: Path, kind: str, seed: int) -> Path:
    """A log of four items in two contexts, with what it did and what it logged."""
    rng = np.random.default_rng(seed)
    lines = ["item,click,p,device,log_0,log_1,log_2,log_3"]
    for _ in range(ROUNDS):
        device = ("tv", "mobile")[int(rng.integers(2))]
        pmf = PMF[device]
        item = int(rng.choice(4, p=pmf))
        propensity = pmf[item]
        if kind == "overridden" and rng.random() < 0.1:
            item = 1
        if kind == "argmax":
            item = int(np.argmax(pmf))
            propensity = pmf[item]
        if kind == "other policy" and rng.random() < 0.5:
            item = int(rng.integers(4))
            propensity = pmf[item]
        chances = ",".join(map(str, pmf))
        lines.append(
            f"{item},{int(rng.random() < 0.1)},{propensity},{device},{chances}"
        )
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("kind", ["overridden", "argmax", "other policy"])
def test_a_log_with_false_propensities_exits_1(
    run: Run, tmp_path: Path, kind: str, seed: int
) -> None:
    file = write(tmp_path / "log.csv", kind, seed)
    result = run("audit", "--log", file, *NAMES, "--actions", "4")

    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].startswith("Don't trust")


@pytest.mark.parametrize(
    "more",
    [(), ("--context-columns", "device"), ("--propensity-columns", "log_")],
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_sound_log_exits_0(
    run: Run, tmp_path: Path, seed: int, more: tuple[str, ...]
) -> None:
    file = write(tmp_path / "log.csv", "sound", seed)
    result = run("audit", "--log", file, *NAMES, *more)

    assert result.exit_code == 0, result.output
    verdict = result.stdout.splitlines()[0]
    told = "--context-columns" in more
    assert verdict.startswith("This log can be trusted" if told else "Nothing speaks")


def test_a_rule_of_one_context_is_named_by_its_column_and_not_by_its_value(
    run: Run, tmp_path: Path
) -> None:
    file = write(tmp_path / "log.csv", "overridden", 1)
    options = ("--context-columns", "device", "--format", "json")
    found = json.loads(run("audit", "--log", file, *NAMES, *options).stdout)
    checks = {check["check"]: check for check in found["health"]}

    assert checks["propensities"]["status"] == "fail"
    assert "'1'" in checks["propensities"]["detail"]
    assert "mobile" not in json.dumps(found)


def test_our_own_log_is_audited_with_the_checks_of_the_report(
    run: Run, trained: Path
) -> None:
    result = run("audit", "hero", "--data", trained, "--format", "json")
    checks = {check["check"] for check in json.loads(result.stdout)["health"]}

    assert result.exit_code == 0, result.output
    assert {"propensities", "mean_weights", "calibration", "overlap"} <= checks
    assert {"sample_ratio", "late_rewards", "learner"} <= checks


def test_an_experiment_without_matured_decisions_exits_1(
    run: Run, initialised: Path, definition_file: Path
) -> None:
    run("experiment", "create", definition_file, "--data", initialised)
    result = run("audit", "hero", "--data", initialised)

    assert result.exit_code == 1
    assert "no matured decision" in result.stderr


@pytest.mark.parametrize("arguments", [(), ("hero", "--log", "log.csv")])
def test_either_an_experiment_or_a_file(run: Run, arguments: tuple[str, ...]) -> None:
    result = run("audit", *arguments)

    assert result.exit_code == 2
    assert "KEY" in result.stderr
