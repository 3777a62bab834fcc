"""Check that contexts are distributed as before.

Owns the check `context_drift`: for each context key the population stability index of
the newest stretches of the joined order against all earlier ones, at each place where
one may cut. It is a size and no test, so that it warns and never fails. A key that
has swung as far before (the hour of the day) does not warn. Names of values appear
in the report alone, and only those with as many decisions as segments need.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.numbers import count, counted, percent
from bandit_svc.domain.segment import FOLDED, LEAST_SHOWN
from bandit_svc.domain.times import moment
from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.audit.stability import population_stability
from bandit_svc.services.checks.check import Check, CheckKind
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import DriftRow

DRIFT_WARN = 0.25
LEAST_DECISIONS = 500
USUAL_SWING = 2.0
"""Drift must be this many times what the key has done before."""
LARGE_CHANGE = 0.2
"""A change of a share that is worth naming."""
MOST_NAMED = 3

CONTEXT_DRIFT = CheckKind(
    "context_drift",
    "Contexts are distributed as before",
    "Look whether callers send these context keys as before: a renamed value, a "
    "changed unit, a key left out. If the visitors really have changed, the model "
    "learns them; means of earlier decisions don't describe them.",
)


class _Counts(NamedTuple):
    """Decisions of one key: (stretches, values), the last column is missing ones."""

    values: tuple[str, ...]
    n: FloatArray


class _Drift(NamedTuple):
    key: str
    stability: float
    border: int
    detail: str


def context_drift(storage: Storage, experiment: Experiment) -> Check:
    """Return the check, with the index of every key under `keys`."""
    stretches = storage.breakdowns.drift(experiment.number)
    total = sum(s.n for s in stretches)
    if total < 2 * LEAST_DECISIONS:
        matured = counted(total, "decision has matured", "decisions have matured")
        reason = f"not compared: {matured}; {count(2 * LEAST_DECISIONS)} are needed"
        return replace(CONTEXT_DRIFT.early(reason), keys={})
    keys = sorted({key for stretch in stretches for key in stretch.present})
    found = [_drift(stretches, key) for key in keys]
    drifted = sorted(
        (d for d in found if d.detail), key=lambda d: d.stability, reverse=True
    )
    indices = {d.key: d.stability for d in found}
    if not drifted:
        compared = counted(len(keys), "context key")
        sentence = f"none of {compared} is distributed differently from before"
        return replace(CONTEXT_DRIFT.ok(sentence), keys=indices)
    details = [d.detail for d in drifted[:MOST_NAMED]]
    rest = len(drifted) - len(details)
    more = f"; {counted(rest, 'more key')} changed" if rest else ""
    return replace(CONTEXT_DRIFT.warn("; ".join(details) + more), keys=indices)


def _drift(stretches: Sequence[DriftRow], key: str) -> _Drift:
    counts = _counts(stretches, key)
    best = _Drift(key, 0.0, 0, "")
    for border in range(1, len(stretches)):
        before, after = counts.n[:border].sum(axis=0), counts.n[border:].sum(axis=0)
        if min(before.sum(), after.sum()) < LEAST_DECISIONS:
            continue
        index = population_stability(before, after)
        if index > best.stability:
            best = _Drift(key, index, border, "")
    if best.stability <= DRIFT_WARN or best.stability <= USUAL_SWING * _swing(
        counts.n, best.border
    ):
        return best
    since = moment(stretches[best.border].begins_at_ms)
    return best._replace(detail=_sentence(key, counts, best.border, since))


def _swing(n: FloatArray, border: int) -> float:
    """Return how far a stretch before the border ever was from all before it."""
    return max(
        (
            population_stability(n[:at].sum(axis=0), n[at])
            for at in range(1, border)
        ),
        default=0.0,
    )  # fmt: skip


def _counts(stretches: Sequence[DriftRow], key: str) -> _Counts:
    seen: list[Mapping[str, int]] = [s.present.get(key, {}) for s in stretches]
    values = tuple(sorted({value for one in seen for value in one}))
    n = np.zeros((len(stretches), len(values) + 1))
    for row, (stretch, one) in enumerate(zip(stretches, seen, strict=True)):
        n[row, :-1] = [one.get(value, 0) for value in values]
        n[row, -1] = max(0, stretch.n - sum(one.values()))
    return _Counts(values, n)


def _sentence(key: str, counts: _Counts, border: int, since: str) -> str:
    before, after = counts.n[:border].sum(axis=0), counts.n[border:].sum(axis=0)
    was, now = before / before.sum(), after / after.sum()
    if abs(now[-1] - was[-1]) > LARGE_CHANGE:
        return (
            f"`{key}` is missing in {percent(now[-1])} of the decisions since {since}, "
            f"before in {percent(was[-1])}"
        )
    changed = np.abs(now - was)[:-1]
    nameable = [
        place
        # Of two that changed equally, a new value says more than a lost one.
        for place in np.lexsort((-now[:-1], -changed.round(9)))
        if counts.values[place] != FOLDED
        and before[place] + after[place] >= LEAST_SHOWN
    ]
    if not nameable:
        return f"`{key}` is distributed differently since {since}"
    place = nameable[0]
    value = counts.values[place]
    if before[place] == 0:
        what = f"has a new value {value!r} in {percent(now[place])} of the decisions"
        return f"`{key}` {what} since {since}"
    if after[place] == 0:
        what = f"has lost its value {value!r}, before in {percent(was[place])}"
        return f"`{key}` {what} of the decisions, since {since}"
    return (
        f"`{key}` is {value!r} in {percent(now[place])} of the decisions since "
        f"{since}, before in {percent(was[place])}"
    )
