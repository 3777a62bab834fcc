"""Count which variants are shown to whom, by two context keys at once.

Owns the sample, the bins of each key and the cells. It reads the newest matured
decisions of the treatment group, a fixed number of them, so that it shows what
the bandit does now, at a cost that does not grow with the log.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from bandit_svc.domain.experiment import TREATMENT, Experiment
from bandit_svc.domain.json_shape import is_number
from bandit_svc.domain.plain_values import Context
from bandit_svc.domain.times import timestamp
from bandit_svc.storage.interface import Storage

SAMPLE = 2_000
MOST_VALUES = 8
NUMBER_BINS = 5
OTHER = "other values"
MISSING = "missing"
_LEAST_PRESENT = 0.2
"""A key that fewer decisions have is not offered."""


class VariantInCell(msgspec.Struct, frozen=True):
    """One variant where two keys have certain values: its share and mean reward."""

    share: float
    mean: float


class WhoCell(msgspec.Struct, frozen=True):
    """Decisions with one value of each key; variants with the most shown one first."""

    row: str
    column: str
    n: int
    mean: float
    variants: dict[str, VariantInCell]


class WhoGetsWhat(msgspec.Struct, frozen=True):
    """Which variants are shown where two context keys have which values.

    Attributes:
        n: decisions looked at.
        keys: to choose from.
        row_key: the key of the rows; None where the context has none.
        column_key: the key of the columns; None where the context has only one.
        rows: values of the row key, in order.
        columns: values of the column key, in order.
    """

    n: int
    keys: tuple[str, ...]
    row_key: str | None
    column_key: str | None
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[WhoCell, ...]


class MeansPoint(msgspec.Struct, frozen=True):
    """Mean reward and decisions of each variant up to a moment."""

    at: str
    means: dict[str, float]
    counts: dict[str, int]


class _Shown(NamedTuple):
    features: Mapping[str, Any]
    variant: str
    reward: float


def who_gets_what(
    storage: Storage,
    experiment: Experiment,
    row_key: str | None = None,
    column_key: str | None = None,
) -> WhoGetsWhat:
    """Return the cells of two context keys; the most informative ones by default.

    Of no decision with learn_on first_reward: those that have matured are a biased
    sample of those that were made.
    """
    biased = experiment.definition.reward.closes_at_first_reward
    shown = [] if biased else _sample(storage, experiment.number)
    labels = {key: _labels(shown, key) for key in _keys(shown)}
    labels = {key: one for key, one in labels.items() if len(set(one)) > 1}
    told = {key: _information(one, shown) for key, one in labels.items()}
    ranked = sorted(told, key=lambda key: (-told[key], key))
    rows = row_key if row_key in labels else next(iter(ranked), None)
    others = [key for key in ranked if key != rows]
    columns = column_key if column_key in others else next(iter(others), None)
    nothing = [""] * len(shown)
    row_labels = labels[rows] if rows else nothing
    column_labels = labels[columns] if columns else nothing
    cells = defaultdict(list)
    for row, column, one in zip(row_labels, column_labels, shown, strict=True):
        cells[row, column].append(one)
    return WhoGetsWhat(
        n=len(shown),
        keys=tuple(sorted(labels)),
        row_key=rows,
        column_key=columns,
        rows=_ordered(row_labels),
        columns=_ordered(column_labels),
        cells=tuple(_cell(r, c, mine) for (r, c), mine in cells.items()),
    )


def _sample(storage: Storage, number: int) -> list[_Shown]:
    last = storage.joins.last_position(number)
    rows = storage.joins.after(number, max(0, last - SAMPLE), SAMPLE)
    decisions = ((row.decision, row.reward) for row in rows)
    return [
        _Shown(_flat(decision.context), decision.variant, reward)
        for decision, reward in decisions
        if decision.group == TREATMENT
    ]


def _flat(context: Context) -> Context:
    flat: dict[str, Any] = {}
    for name, value in context.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": feature for inner, feature in value.items()}
        else:
            flat[name] = value
    return flat


def _keys(shown: Sequence[_Shown]) -> list[str]:
    present = Counter(key for one in shown for key in one.features)
    return [key for key, n in present.items() if n >= _LEAST_PRESENT * len(shown)]


def _labels(shown: Sequence[_Shown], key: str) -> list[str]:
    """Return the bin of each decision: few values as they are, numbers in ranges."""
    values = [one.features.get(key) for one in shown]
    numbers = [float(v) for v in values if v is not None and is_number(v)]
    if len(set(numbers)) > MOST_VALUES and len(numbers) >= len(values) / 2:
        write = _ranges(numbers)
    else:
        counts = Counter(_text(v) for v in values if v is not None)
        kept = {value for value, _ in counts.most_common(MOST_VALUES)}
        if len(counts) > len(kept) and _is_free_text(counts, len(values)):
            # Every value is different: an id, which carries no information.
            return [""] * len(values)

        def write(value: Any) -> str:  # noqa: ANN401 - any feature
            text = _text(value)
            return text if text in kept else OTHER

    return [MISSING if v is None else write(v) for v in values]


def _is_free_text(counts: Mapping[str, int], n: int) -> bool:
    return max(counts.values()) < n / (4 * MOST_VALUES)


def _ranges(numbers: Sequence[float]) -> Callable[[Any], str]:
    """Cut numbers into ranges of about the same number of decisions."""
    ordered = sorted(numbers)
    cuts = [ordered[i * len(ordered) // NUMBER_BINS] for i in range(1, NUMBER_BINS)]
    edges = sorted({ordered[0], *cuts, ordered[-1]})

    def write(value: Any) -> str:  # noqa: ANN401 - any feature
        if not is_number(value):
            return OTHER
        inner = edges[1:-1]
        index = next((i for i, e in enumerate(inner) if value < e), len(inner))
        below = "" if index == len(inner) else "< "
        return f"{edges[index]:.3g} to {below}{edges[index + 1]:.3g}"

    return write


def _text(value: Any) -> str:  # noqa: ANN401 - any feature
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.12g}" if is_number(value) else str(value)


def _information(labels: Sequence[str], shown: Sequence[_Shown]) -> float:
    """Return the mutual information of a key and the variant, in nats."""
    n = len(shown)
    pairs = Counter(zip(labels, (one.variant for one in shown), strict=True))
    of_label = Counter(labels)
    of_variant = Counter(one.variant for one in shown)
    return sum(
        count / n * math.log(count * n / (of_label[label] * of_variant[variant]))
        for (label, variant), count in pairs.items()
    )


def _ordered(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the values in the order in which a person looks for them."""

    def place(label: str) -> tuple[int, float, str]:
        if label in {OTHER, MISSING}:
            return 2, 0.0, label
        try:
            return 0, float(label.split(" ", 1)[0]), label
        except ValueError:
            return 1, 0.0, label

    return tuple(sorted(set(labels), key=place))


def _cell(row: str, column: str, shown: Sequence[_Shown]) -> WhoCell:
    rewards: defaultdict[str, list[float]] = defaultdict(list)
    for one in shown:
        rewards[one.variant].append(one.reward)
    return WhoCell(
        row=row,
        column=column,
        n=len(shown),
        mean=sum(one.reward for one in shown) / len(shown),
        variants={
            variant: VariantInCell(len(mine) / len(shown), sum(mine) / len(mine))
            for variant, mine in sorted(rewards.items(), key=lambda i: -len(i[1]))
        },
    )


def variant_means(storage: Storage, experiment: Experiment) -> list[MeansPoint]:
    """Return the mean reward of each variant up to each stretch of time.

    Of the treatment's matured decisions. The means of variants are not comparable
    with one another: the policy shows each where it expects it to do well. There are
    none with learn_on first_reward.
    """
    if experiment.definition.reward.closes_at_first_reward:
        return []
    counts: defaultdict[str, int] = defaultdict(int)
    totals: defaultdict[str, float] = defaultdict(float)
    points = []
    rows = storage.breakdowns.history(experiment.number)
    shown = (r for r in rows if r.group == TREATMENT and r.variant)
    for ends_at_ms, stretch in groupby(shown, key=lambda row: row.ends_at_ms):
        for row in stretch:
            counts[row.variant] += row.n
            totals[row.variant] += row.total
        means = {variant: totals[variant] / n for variant, n in counts.items()}
        points.append(MeansPoint(timestamp(ends_at_ms), means, dict(counts)))
    return points
