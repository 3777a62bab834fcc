"""SQL from whose sums six estimates and their errors follow.

Owns the statement, for DuckDB and for Spark, and the formulas. Sums are taken by unit
first, since decisions of one unit are not independent; what is returned are moments of
these sums, so that no second pass is needed. Every term is taken from a constant near
the mean reward, so that plain sums lose no digits to a large mean.

The statement has two halves, which duck.py runs apart: WEIGHED makes a row of numbers
of each decision, and SUMS adds these up, all of them or those of some units.

Notation: w is the weight of a decision (target probability over propensity), r its
reward, c the constant, q the reward model's prediction for the logged variant and b
that for the target. By unit: n decisions; p = w r - c; s = w (r - c); k = min(w, L) r
- c; d = b - e, with e the first b; x = w (r - q); and the sum of w itself. Where a
prediction is missing, q and b are NaN, and so is every sum that needs them all.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, assert_never

from bandit_svc.ope.estimators.weights import WeightedSums
from bandit_svc.ope.interval import Interval

CLIP = 10.0
"""The limit L of weights of `clipped_ips`."""
NORMAL_95 = 1.959963984540054
"""The normal quantile of intervals of 95 %."""
Engine = Literal["duckdb", "spark"]

CONSTANTS = """
SELECT (SELECT avg(reward) FROM {source} WHERE {drawn}) AS c,
  coalesce((SELECT {base} FROM {source} WHERE {drawn} AND {eligible} LIMIT 1), {nan})
    AS e
"""
WEIGHED = """
SELECT unit, reward AS r, {probability} / propensity AS w,
  coalesce({logged}, {nan}) AS q, coalesce({base}, {nan}) AS b
FROM {source} WHERE {drawn} AND {eligible}
"""
SUMS = """
WITH constants AS ({constants}), weighed AS ({weighed}), sums AS (
  SELECT unit, count(*) AS n, sum(w) AS w, sum(w * (r - c)) AS s,
    sum(least(w, {clip}) * r - c) AS k, sum(b - e) AS d, sum(w * (r - q)) AS x,
    sum(w * w) AS w2, max(w) AS w_max
  FROM weighed CROSS JOIN constants GROUP BY unit
), units AS (
  SELECT *, s + c * (w - n) AS p FROM sums CROSS JOIN constants
)
SELECT count(*) AS units, sum(n) AS n, max(c) AS c, max(e) AS e,
  {total}(w) AS w, {total}(p) AS p,
  {total}(s) AS s, {total}(k) AS k, {total}(d) AS d, {total}(x) AS x,
  {total}(n * n) AS nn, {total}(p * p) AS pp, {total}(p * n) AS pn,
  {total}(s * s) AS ss, {total}(s * w) AS sw, {total}(w * w) AS ww,
  {total}(k * k) AS kk, {total}(k * n) AS kn, {total}(d * d) AS dd,
  {total}(d * n) AS dn, {total}(x * x) AS xx, {total}(d * x) AS dx,
  {total}(x * n) AS xn, {total}(w * n) AS wn, {total}(x * w) AS xw,
  {total}(d * w) AS dw, {total}(w2) AS w_squared, max(w_max) AS w_max
FROM units
"""
_NOT_ADDED = frozenset({"c", "e", "w_max"})
"""Columns that are the largest of the parts, or the same in all."""
_DRAWN = "{group} = 'treatment' AND NOT shown"
"""The decisions that the service has drawn from the pmf beside them."""
_NAN = "cast('NaN' AS double)"


class _Words(NamedTuple):
    """What two engines say differently; `{}` are a list and an index from 0."""

    entry: str
    dot: str
    mean: str
    place: str
    total: str
    array: str
    quote: str


_WORDS: Mapping[Engine, _Words] = {
    "duckdb": _Words(
        entry="{}[{} + 1]",
        dot="list_dot_product({}, {})",
        mean="list_avg({})",
        place="list_position({}, {}) - 1",
        # Kahan's sum; Spark has none.
        total="fsum",
        array="len({})",
        quote='"',
    ),
    "spark": _Words(
        entry="{}[{}]",
        dot="aggregate(zip_with({}, {}, (x, y) -> x * y), 0D, (x, y) -> x + y)",
        mean="aggregate({0}, 0D, (x, y) -> x + y) / size({0})",
        place="cast(array_position({}, {}) - 1 AS int)",
        total="sum",
        array="size({})",
        # A double quote begins a text there.
        quote="`",
    ),
}


class Target(NamedTuple):
    """A target policy whose chances follow from the columns of a decision.

    Attributes:
        kind: `uniform`, `baseline`, or `fixed` with a variant.
    """

    kind: Literal["uniform", "baseline", "fixed"]
    variant: str = ""


def statement(engine: Engine, source: str, target: Target) -> str:
    """Return the whole statement for an engine.

    Args:
        engine: that runs it.
        source: what stands behind FROM.
        target: whose value it estimates.
    """
    return sums_statement(
        engine,
        constants_statement(engine, source, target),
        weighed_statement(engine, source, target),
    )


def constants_statement(engine: Engine, source: str, target: Target) -> str:
    """Return the statement of c and e."""
    return CONSTANTS.format(source=source, **_parts(engine, target))


def weighed_statement(engine: Engine, source: str, target: Target) -> str:
    """Return the statement that gives unit, r, w, q and b of each decision."""
    return WEIGHED.format(source=source, **_parts(engine, target))


def sums_statement(engine: Engine, constants: str, weighed: str) -> str:
    """Return the statement that adds up what two others give."""
    return SUMS.format(
        constants=constants,
        weighed=weighed,
        clip=f"cast({CLIP} AS double)",
        total=_WORDS[engine].total,
    )


def added(parts: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Return the sums of all decisions from those of parts that share no unit.

    Args:
        parts: rows of the statement, at least one, with the same constants.
    """
    found: dict[str, float | None] = {}
    for name in parts[0]:
        values = [value for part in parts if (value := part[name]) is not None]
        total = max if name in _NOT_ADDED else math.fsum
        found[name] = total(values) if values else None
    return found


def _parts(engine: Engine, target: Target) -> dict[str, str]:
    """Return what an engine and a target put into the statement."""
    words = _WORDS[engine]
    parts = _of_target(words, target)
    return {
        **parts,
        # A plain number is a decimal in Spark.
        "probability": f"cast({parts['probability']} AS double)",
        "logged": words.entry.format("q", "chosen"),
        "drawn": _DRAWN.format(group=f"{words.quote}group{words.quote}"),
        "nan": _NAN,
    }


def _of_target(words: _Words, target: Target) -> dict[str, str]:
    """Return what a target puts into the statement."""
    match target.kind:
        case "uniform":
            return {
                "eligible": "TRUE",
                "probability": f"1.0 / {words.array.format('pmf')}",
                "base": words.mean.format("q"),
            }
        case "baseline":
            return {
                "eligible": "baseline_pmf IS NOT NULL",
                "probability": words.entry.format("baseline_pmf", "chosen"),
                "base": words.dot.format("baseline_pmf", "q"),
            }
        case "fixed":
            key = "'" + target.variant.replace("'", "''") + "'"
            place = words.place.format("variants", key)
            return {
                "eligible": f"{place} >= 0",
                "probability": f"(CASE WHEN variant = {key} THEN 1.0 ELSE 0.0 END)",
                "base": words.entry.format("q", f"({place})"),
            }
        case _:
            assert_never(target.kind)


class Summed(NamedTuple):
    """The value of a policy by one estimator.

    Attributes:
        value: in reward units.
        error: standard error, by unit.
    """

    value: float
    error: float

    @property
    def interval(self) -> Interval:
        """The normal interval of 95 %."""
        half = NORMAL_95 * self.error
        return Interval(self.value - half, self.value + half)


def weights_of(sums: Mapping[str, float | None]) -> WeightedSums:
    """Return what a log's weights say about whether it can carry an estimate."""
    known = {name: value or 0.0 for name, value in sums.items()}
    return WeightedSums(
        n=int(known["n"]),
        weight=known["w"],
        weight_squared=known["w_squared"],
        weighted_reward=known["p"] + known["c"] * known["n"],
        max_weight=known["w_max"],
    )


def estimates_of(sums: Mapping[str, float | None]) -> dict[str, Summed]:
    """Return the estimates of a statement's row, by estimator.

    Those that need a reward model are left out where a decision has no prediction; all
    of them where there are fewer than two units or no weight.
    """
    known = {
        name: value
        for name, value in sums.items()
        if value is not None and not math.isnan(value)
    }
    if known.get("units", 0) < 2 or known.get("w", 0.0) <= 0:  # noqa: PLR2004 - one number has no spread
        return {}
    at = _Moments(known)
    found = {"ips": at.mean("p", "pp", "pn"), "snips": at.ratio()}
    found["clipped_ips"] = at.mean("k", "kk", "kn")
    if "d" in known and "x" in known:
        found["dm"] = at.mean("d", "dd", "dn", "e")
        found["dr"] = at.doubly_robust()
        found["sndr"] = at.self_normalised()
    return found


class _Moments:
    def __init__(self, sums: Mapping[str, float]) -> None:
        self._sums = sums
        self._n = sums["n"]
        self._mean_weight = sums["w"] / sums["n"]

    def _summed(self, value: float, squares: float, base: float) -> Summed:
        """Return a value with its error.

        Args:
            value: of the policy, from a constant.
            squares: sum over units of squared deviations from the value.
            base: the constant.
        """
        units = self._sums["units"]
        scale = units / (units - 1)
        error = math.sqrt(scale * max(0.0, squares)) / self._n
        return Summed(base + value, error)

    def mean(self, term: str, squared: str, counted: str, base: str = "c") -> Summed:
        """Return the mean of a term that was taken from a constant."""
        s = self._sums
        m = s[term] / self._n
        squares = s[squared] - 2 * m * s[counted] + m * m * s["nn"]
        return self._summed(m, squares, s[base])

    def ratio(self) -> Summed:
        """Return the sum of weighted rewards over that of weights."""
        s = self._sums
        v = s["s"] / s["w"]
        squares = s["ss"] - 2 * v * s["sw"] + v * v * s["ww"]
        return self._summed(v, squares / self._mean_weight**2, s["c"])

    def doubly_robust(self) -> Summed:
        """Return the mean of predictions and weighted residuals."""
        s = self._sums
        m = (s["d"] + s["x"]) / self._n
        both = s["dd"] + 2 * s["dx"] + s["xx"]
        squares = both - 2 * m * (s["dn"] + s["xn"]) + m * m * s["nn"]
        return self._summed(m, squares, s["e"])

    def self_normalised(self) -> Summed:
        """Return the same with residuals over the sum of weights."""
        s, w = self._sums, self._mean_weight
        m, rho = s["d"] / self._n, s["x"] / s["w"]
        base = s["dd"] - 2 * m * s["dn"] + m * m * s["nn"]
        residual = (s["xx"] - 2 * rho * s["xw"] + rho * rho * s["ww"]) / w**2
        mixed = s["dx"] - rho * s["dw"] - m * (s["xn"] - rho * s["wn"])
        return self._summed(m + rho, base + residual + 2 * mixed / w, s["e"])
