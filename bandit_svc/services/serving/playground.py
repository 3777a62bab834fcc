"""The chances of variants for a context that a person makes up.

Owns what can be varied, as the newest decisions had it, and the chances under the
newest published model. It loads its own copy from the store: nothing is logged, and
the policy that decides is never asked.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from bandit_svc.domain.context import check_context
from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.plain_values import Context
from bandit_svc.services.serving.served_experiment import (
    LoadedPolicy,
    ServedExperiment,
    load_policy,
    prepared,
)
from bandit_svc.storage.interface import Storage
from policies.base import PolicyError
from policies.pmf import mix_floor

Path = tuple[str, ...]
"""The way to a feature: its key, or its namespace and its key."""

SAMPLE = 300
MOST_FIELDS = 20
MOST_VALUES = 12
_STEPS = 100


class ContextField(NamedTuple):
    """One feature that can be varied."""

    path: Path
    kind: Literal["choice", "number", "text"]
    values: tuple[Any, ...] = ()
    """Of a choice: what came, in order."""
    low: float = 0.0
    high: float = 0.0
    step: float = 1.0


class VariantChance(NamedTuple):
    """The chance of one variant.

    Attributes:
        by_floor: the part of it that the exploration floor gives.
        baseline: its chance in the holdout.
    """

    variant: str
    probability: float
    by_floor: float
    baseline: float


class Chances(NamedTuple):
    """What the bandit would choose for one context.

    Attributes:
        version: of the model; 0 is untrained.
        fell_back: whether the policy failed, so that the baseline would choose.
    """

    version: int
    floor: float
    holdout: float
    fell_back: bool
    variants: tuple[VariantChance, ...]


class Playground:
    """Asks models of the store; keeps the last one loaded. For any thread."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._loaded: tuple[tuple[int, int, int], ServedExperiment] | None = None

    def chances(self, experiment: Experiment, context: Context) -> Chances:
        """Return the chances of each active variant for a context.

        Raises:
            InvalidInput: the context is not one that a decision could have.
        """
        check_context(context)
        served = self._running(experiment)
        floor = experiment.definition.exploration_floor
        baseline = served.sides.reference.of(context, served.actions, served.keys)
        pmf, fell_back = self._served(served, context)
        mixed = mix_floor(baseline if fell_back else pmf, floor)
        by_floor = floor / len(served.keys)
        rows = zip(served.keys, mixed, baseline, strict=True)
        return Chances(
            version=served.policy.version,
            floor=floor,
            holdout=experiment.definition.holdout,
            fell_back=fell_back,
            variants=tuple(VariantChance(v, p, by_floor, b) for v, p, b in rows),
        )

    @staticmethod
    def _served(
        served: ServedExperiment, context: Context
    ) -> tuple[Sequence[float], bool]:
        try:
            return served.policy.pmf(context, served.actions), False
        except PolicyError:
            return (), True

    def _running(self, experiment: Experiment) -> ServedExperiment:
        number = experiment.number
        newest = self._storage.model_versions.newest(number)
        version = 0 if newest is None else newest.version
        wanted = (number, experiment.revision, version)
        kept = self._loaded
        if kept is None or kept[0] != wanted:
            kept = (wanted, prepared(experiment, self._load(experiment)))
            self._loaded = kept
        return kept[1]

    def _load(self, experiment: Experiment) -> LoadedPolicy:
        published = self._storage.model_versions.latest(experiment.number)
        return load_policy(experiment.definition, published)


def newest_contexts(storage: Storage, experiment: Experiment) -> list[Context]:
    """Return the contexts of the newest decisions, newest first."""
    overview, number = storage.overview, experiment.number
    found = overview.recent(number, "open", SAMPLE)
    if len(found) < SAMPLE:
        found = [*found, *overview.recent(number, "joined", SAMPLE - len(found))]
    return [one.decision.context for one in found]


def context_fields(contexts: Sequence[Context]) -> list[ContextField]:
    """Return the features that most contexts have, in their order."""
    seen: dict[Path, list[Any]] = {}
    for context in contexts:
        for path, value in features_of(context):
            seen.setdefault(path, []).append(value)
    often = sorted(seen, key=lambda path: -len(seen[path]))[:MOST_FIELDS]
    return [_field(path, seen[path]) for path in seen if path in often]


def features_of(context: Context) -> Iterator[tuple[Path, Any]]:
    """Yield every feature with its path."""
    for name, value in context.items():
        if isinstance(value, Mapping):
            for inner, one in value.items():
                yield (name, inner), one
        else:
            yield (name,), value


def context_of(features: Mapping[Path, Any]) -> Context:
    """Put features together to a context."""
    context: dict[str, Any] = {}
    for path, value in features.items():
        if len(path) == 1:
            context[path[0]] = value
        elif isinstance(inner := context.setdefault(path[0], {}), dict):
            inner[path[1]] = value
    return context


def _field(path: Path, values: list[Any]) -> ContextField:
    # A boolean equals a number in Python, so that values are counted with their type.
    seen = {(type(value), value) for value in values}
    numbers = [v for v in values if type(v) in {int, float}]
    if len(numbers) == len(values) and len(seen) > MOST_VALUES:
        low, high = min(numbers), max(numbers)
        whole = all(isinstance(v, int) for v in numbers)
        step = 1 if whole else (high - low) / _STEPS
        return ContextField(path, "number", (), low, high, step)
    if len(seen) > MOST_VALUES:
        return ContextField(path, "text")
    listed = sorted((value for _, value in seen), key=_in_order)
    return ContextField(path, "choice", tuple(listed))


def _in_order(value: Any) -> tuple[str, float, str]:  # noqa: ANN401 - any feature
    """Sort whatever came, so that a menu stays as it is while decisions come in."""
    size = value if isinstance(value, int | float) else 0.0
    return type(value).__name__, size, str(value)
