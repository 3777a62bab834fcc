"""Logs with true and with false propensities, for benchmarks/truth.py.

Owns the three corruptions that the propensity audit has to find: a business rule that
overrides 10 % of choices, a softmax logged beside an argmax that acted, and half of
the traffic served by another policy.
"""

import numpy as np
import numpy.typing as npt

from bandit_svc.ope.propensity_audit import Choices, PropensityAudit

FloatArray = npt.NDArray[np.float64]

ROUNDS = 5_000
CELLS = 4
FLOOR = 0.05
KINDS = ("sound", "overridden", "argmax", "other policy")
TOLD = ("pmf", "propensity and floor", "propensity and contexts", "propensity alone")
WARNED, FAILED = 0.05, 0.01


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
    generator, rows = np.random.default_rng(seed), np.arange(ROUNDS)
    # Other policies in every run: the audit must not depend on lucky ones.
    policy, other = (_softmax(generator, n_actions) for _ in range(2))
    cell = generator.integers(0, CELLS, ROUNDS)
    pmf = policy[cell]
    action = _drawn(generator, pmf)
    propensity = pmf[rows, action]
    if kind == "overridden":
        action = np.where(generator.random(ROUNDS) < 0.1, 0, action)
    if kind == "argmax":
        action = pmf.argmax(axis=1)
        propensity = pmf[rows, action]
    if kind == "other policy":
        theirs = generator.random(ROUNDS) < 0.5
        action = np.where(theirs, _drawn(generator, other[cell]), action)
        propensity = pmf[rows, action]
    return Choices(
        action=action,
        n_actions=n_actions,
        propensity=propensity,
        pmf=pmf if told == "pmf" else None,
        min_propensity=FLOOR / n_actions if told == "propensity and floor" else None,
        cell=cell if told == "propensity and contexts" else None,
        n_cells=CELLS,
    )


def _softmax(generator: np.random.Generator, n_actions: int) -> FloatArray:
    raised: FloatArray = np.exp(generator.normal(0, 1, (CELLS, n_actions)))
    totals: FloatArray = raised.sum(axis=1)
    return (1 - FLOOR) * raised / totals[:, None] + FLOOR / n_actions


def _drawn(generator: np.random.Generator, pmf: FloatArray) -> npt.NDArray[np.int64]:
    draws = generator.random((pmf.shape[0], 1))
    passed = (draws > pmf.cumsum(axis=1)).sum(axis=1)
    action: npt.NDArray[np.int64] = np.minimum(passed, pmf.shape[1] - 1)
    return action
