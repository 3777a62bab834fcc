"""Logs with true and with false propensities, for benchmarks/truth.

Owns the three corruptions that the propensity audit has to find: a business rule that
overrides 10 % of choices, a softmax logged beside an argmax that acted, and half of
the traffic served by another policy.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bandit_svc.ope.audit.propensity_audit import Choices, PropensityAudit

FloatArray = npt.NDArray[np.float64]

ROUNDS = 5_000
CELLS = 4
FLOOR = 0.05
KINDS = ("sound", "overridden", "argmax", "other policy")
TOLD = ("pmf", "propensity and floor", "propensity and contexts", "propensity alone")
WARNED, FAILED = 0.05, 0.01


class Made(NamedTuple):
    """Choices that were made, and what the log says of them; (ROUNDS,) or (.., K)."""

    cell: npt.NDArray[np.int64]
    pmf: FloatArray
    action: npt.NDArray[np.int64]
    propensity: FloatArray


def print_audit(n_actions: int, runs: int) -> None:
    """Print the share of logs that are flagged (p <= 0.05) and failed (p <= 0.01)."""
    for kind in KINDS:
        cells = []
        for told in TOLD:
            found = np.array(
                [
                    PropensityAudit().add(_log(seed, kind, told, n_actions)).p_value
                    for seed in range(runs)
                ]
            )
            flagged, failed = (found <= WARNED).mean(), (found <= FAILED).mean()
            cells.append(f"{flagged:.1%} / {failed:.1%}")
        row = [f"{kind}, {n_actions} variants", *cells]
        print("| " + " | ".join(row) + " |", flush=True)


def _log(seed: int, kind: str, told: str, n_actions: int) -> Choices:
    generator = np.random.default_rng(seed)
    # Other policies in every run: the audit must not depend on lucky ones.
    policy, other = (softmax(generator, n_actions) for _ in range(2))
    made = corrupted(generator, kind, policy, other)
    return Choices(
        action=made.action,
        n_actions=n_actions,
        propensity=made.propensity,
        pmf=made.pmf if told == "pmf" else None,
        min_propensity=FLOOR / n_actions if told == "propensity and floor" else None,
        cell=made.cell if told == "propensity and contexts" else None,
        n_cells=CELLS,
    )


def corrupted(
    generator: np.random.Generator, kind: str, policy: FloatArray, other: FloatArray
) -> Made:
    """Make ROUNDS choices, sound or with one of the three corruptions.

    Args:
        generator: of the choices.
        kind: one of KINDS.
        policy: (CELLS, K), that is logged.
        other: (CELLS, K), that serves half of the traffic in "other policy".
    """
    cell = generator.integers(0, CELLS, ROUNDS)
    pmf, rows = policy[cell], np.arange(ROUNDS)
    action = _drawn(generator, pmf)
    propensity = pmf[rows, action]
    if kind == "overridden":
        # The business shows variant 0; the log keeps the number of the drawn one.
        action = np.where(generator.random(ROUNDS) < 0.1, 0, action)
    if kind == "argmax":
        action = pmf.argmax(axis=1)
        propensity = pmf[rows, action]
    if kind == "other policy":
        theirs = generator.random(ROUNDS) < 0.5
        action = np.where(theirs, _drawn(generator, other[cell]), action)
        propensity = pmf[rows, action]
    return Made(cell, pmf, action, propensity)


def softmax(generator: np.random.Generator, n_actions: int) -> FloatArray:
    """Draw a policy: chances of each cell, (CELLS, K), mixed with a floor."""
    raised: FloatArray = np.exp(generator.normal(0, 1, (CELLS, n_actions)))
    totals: FloatArray = raised.sum(axis=1)
    return (1 - FLOOR) * raised / totals[:, None] + FLOOR / n_actions


def _drawn(generator: np.random.Generator, pmf: FloatArray) -> npt.NDArray[np.int64]:
    draws = generator.random((pmf.shape[0], 1))
    passed = (draws > pmf.cumsum(axis=1)).sum(axis=1)
    action: npt.NDArray[np.int64] = np.minimum(passed, pmf.shape[1] - 1)
    return action
