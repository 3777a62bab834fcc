"""Target policies as probabilities of the actions of a log.

Owns the specs of target policies on a log from a file: `uniform`, `fixed:ACTION`, and
columns of the file itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bandit_svc.errors import InvalidInput
from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.decision_log import DecisionLog

UNIFORM = "uniform"
FIXED = "fixed:"
MATCH_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Target:
    """A target policy on one log.

    Attributes:
        name: as in the report.
        probability: (n,), its probability of the logged action.
        pmf: (n, K), its pmf; None if the log does not determine it.
    """

    name: str
    probability: FloatArray
    pmf: FloatArray | None


def targets_of(
    log: DecisionLog, specs: Sequence[str], *, with_pmf: bool = True
) -> Iterator[Target]:
    """Yield each policy: the file's own columns first, then the specs.

    Args:
        log: the log.
        specs: of policies.
        with_pmf: false to leave out (n, K) arrays, for a log too large for memory.

    Raises:
        InvalidInput: a spec can't be understood, or names no action of the log.
    """
    for spec in specs:
        _check(log, spec)
    for name, probability in log.targets.items():
        pmf = inferred_pmf(log, probability) if with_pmf else None
        yield Target(name, probability, pmf)
    rows = np.arange(log.n)
    for name, matrix in log.pmf_targets.items():
        yield Target(name, matrix[rows, log.action], matrix)
    for spec in specs:
        yield _named(log, spec, with_pmf=with_pmf)


def inferred_pmf(log: DecisionLog, probability: FloatArray) -> FloatArray | None:
    """Return the pmf of a target that depends on nothing but the position.

    If, at each position, every action was seen, always with the same probability, and
    these probabilities sum to 1, then they are the whole policy.

    Returns:
        (n, K), or None if the column does not determine the pmf.
    """
    if log.eligible is not None:
        return None
    place = np.zeros(log.n, dtype=np.int64) if log.position is None else log.position
    count, places = len(log.actions), int(place.max()) + 1
    key = place * count + log.action
    table = np.full(places * count, np.nan)
    table[key] = probability
    table = np.nan_to_num(table.reshape(places, count), nan=-1.0)
    same = np.abs(table.reshape(-1)[key] - probability).max() <= MATCH_TOLERANCE
    seen = np.where(table < 0, 0.0, table)
    if not same or np.abs(seen.sum(axis=1) - 1).max() > 1e-6:  # noqa: PLR2004 - digits of a log
        return None
    # One row for all is stored once.
    return np.broadcast_to(seen[0], (log.n, count)) if places == 1 else seen[place]


def uniform_pmf(log: DecisionLog) -> FloatArray:
    """Return (n, K) equal probabilities of the eligible actions."""
    if log.eligible is None:
        count = len(log.actions)
        return np.broadcast_to(np.full(count, 1 / count), (log.n, count))
    return log.eligible / log.eligible_count[:, None]


def _check(log: DecisionLog, spec: str) -> None:
    if spec == UNIFORM:
        if not log.actions_known:
            raise InvalidInput(
                f"--policy uniform needs the number of actions; {log.source} has "
                f"{len(log.actions)} different ones. Pass --actions "
                f"{len(log.actions)} if these are all"
            )
        return
    if not spec.startswith(FIXED):
        raise InvalidInput(
            f"--policy {spec!r} can't be evaluated on a log from a file; pass uniform, "
            "fixed:ACTION, or put the policy's probabilities in columns of the file "
            "(--target-propensity-column, --target-columns)"
        )
    action = spec.removeprefix(FIXED)
    if action not in log.actions:
        known = ", ".join(log.actions[:20]) + (" ..." if len(log.actions) > 20 else "")  # noqa: PLR2004 - a line of text
        raise InvalidInput(
            f"--policy {spec}: {log.source} has no action {action!r}; it has {known}"
        )


def _named(log: DecisionLog, spec: str, *, with_pmf: bool) -> Target:
    if spec == UNIFORM:
        pmf = uniform_pmf(log) if with_pmf else None
        return Target(spec, 1 / log.eligible_count, pmf)
    index = log.actions.index(spec.removeprefix(FIXED))
    chosen = (log.action == index).astype(np.float64)
    if not with_pmf or (log.eligible is not None and not log.eligible[:, index].all()):
        return Target(spec, chosen, None)
    count = len(log.actions)
    shown = np.broadcast_to(np.eye(count)[index], (log.n, count))
    return Target(spec, chosen, shown)
