"""Estimate the value of each key of the context to a policy.

Owns the comparison of a policy with itself when a key is left out of every context it
decides on and learns from: the reward that it would have lost on the log. Both are
trained progressively, from no examples. All intervals hold together, at every look at
the same log as it grows, unless more than MAX_KEYS keys are ever compared: the error
probability is divided by that constant, not by the number of keys at one look, which
varies from look to look (a union bound).

A key has no value where other keys carry the same information: either of an hour and
a time of day can be left out, but not both. So whole namespaces are left out too.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple

import msgspec

from bandit_svc.domain.experiment import TREATMENT, Experiment
from bandit_svc.domain.plain_values import Spec
from bandit_svc.errors import InvalidInput
from bandit_svc.services.evaluation.paired import (
    PairedEvaluation,
    PairedResult,
    check_bounded,
)
from bandit_svc.services.evaluation.processes import (
    Opener,
    dealt,
    gathered,
    in_processes,
)
from bandit_svc.services.evaluation.rows import refused
from bandit_svc.services.learning.parts.slot_rows import by_slot
from bandit_svc.services.policy_inputs import policy_of
from bandit_svc.services.values import CONFIDENCE, UNKNOWN, Bounds
from bandit_svc.storage.interface import Storage
from policies.adapters import DelegatingPolicy
from policies.base import Action, Context, Policy
from policies.spec import fixed_weights

Path = tuple[str, ...]
"""A key, or a namespace and a key in it."""

MAX_KEYS = 30
KEY_CONFIDENCE = 1 - (1 - CONFIDENCE) / MAX_KEYS
LEAST_SHARE = 0.01
BATCH = 2_000


class KeysPiece(NamedTuple):
    """The work of one process: the whole policy, and it without some keys."""

    experiment: Experiment
    spec: Spec
    paths: Sequence[Path]
    last: int


class WithoutKey(DelegatingPolicy):
    """A policy that never sees one key of the context."""

    def __init__(self, policy: Policy, path: Path) -> None:
        super().__init__(policy)
        self._path = path

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Return the policy's pmf for the context without the key."""
        return self._policy.pmf(without(context, self._path), actions)

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Teach the policy the context without the key."""
        left = without(context, self._path)
        self._policy.learn(left, actions, chosen, propensity, reward)


class KeyValue(msgspec.Struct, frozen=True):
    """What one key of the context is worth to a policy.

    Attributes:
        share: of the treatment's decisions that have it.
        value: the reward a decision that is lost without it.
        refused: why there is no value; None if there is one.
    """

    key: str
    share: float
    value: float | None
    interval: Bounds
    refused: str | None


class KeyShare(msgspec.Struct, frozen=True):
    """A key that was left out, and the share of decisions that have it."""

    key: str
    share: float


class FeatureValues(msgspec.Struct, frozen=True):
    """The keys of the context, the most valuable first, refused ones last.

    Attributes:
        refused: why there is no estimate at all; None if there is one.
        left_out: rare keys, and those beyond MAX_KEYS.
    """

    experiment: str
    policy: dict[str, Any]
    n: int
    effective_sample_size: float
    refused: str | None
    confidence: float
    keys: tuple[KeyValue, ...]
    left_out: tuple[KeyShare, ...]


def feature_values(
    opener: Opener,
    experiment: Experiment,
    spec: Spec,
    processes: int,
    on_progress: Callable[[int], None] = lambda _done: None,
) -> FeatureValues:
    """Rank the keys of the context by their value to a policy.

    The result does not depend on the number of processes.

    Args:
        opener: opens the store; called in each process.
        experiment: in its current revision.
        spec: normalised, of a policy that reads the context.
        processes: number of worker processes.
        on_progress: called with the number of joined decisions that are done.

    Raises:
        InvalidInput: the policy's probabilities follow from its spec alone, or the
            experiment declares no maximum reward.
    """
    check_bounded(experiment, "features")
    if fixed_weights(spec) is not None:
        raise InvalidInput(
            f"policy kind {spec['kind']} ignores the context, so feature values are "
            "undefined; pass --policy with a learning kind"
        )
    with closing(opener()) as storage:
        last = storage.joins.last_position(experiment.number)
        shares = key_shares(storage, experiment, last)
    # The reward lost without a rare key is too small to be told from 0.
    usual = [p for p, share in shares.items() if share >= LEAST_SHARE]
    looked_at = usual[:MAX_KEYS]
    pieces = [
        KeysPiece(experiment, spec, hand, last) for hand in dealt(looked_at, processes)
    ]
    found = in_processes(evaluate_keys, pieces, opener, on_progress)
    whole, results = found[0][0], gathered([one[1:] for one in found])
    width = experiment.definition.reward.width
    rows = [
        _key_value(".".join(path), shares[path], one, width)
        for path, one in zip(looked_at, results, strict=True)
    ]
    rows.sort(key=lambda row: (row.refused is not None, -(row.value or 0.0)))
    return FeatureValues(
        experiment=experiment.key,
        policy=dict(spec),
        n=whole.summary.sums.n,
        effective_sample_size=whole.summary.sums.effective_sample_size,
        refused=refused(whole.summary),
        confidence=CONFIDENCE,
        keys=() if refused(whole.summary) else tuple(rows),
        left_out=tuple(
            KeyShare(".".join(path), share)
            for path, share in shares.items()
            if path not in looked_at
        ),
    )


def key_shares(
    storage: Storage, experiment: Experiment, last: int
) -> dict[Path, float]:
    """Return the share of treatment decisions that have each key, largest first.

    A namespace counts as a key where it has held two keys or more.
    """
    counts: Counter[Path] = Counter()
    n = position = 0
    while position < last:
        limit = min(BATCH, last - position)
        rows = storage.joins.after(experiment.number, position, limit)
        if not rows:
            break
        for row in by_slot(rows, lambda _: experiment.definition):
            decision = row.decision
            if decision.group == TREATMENT:
                n += 1
                counts.update(paths_of(decision.context))
        position = rows[-1].position
    # A namespace that only ever held one key says the same as that key.
    inner = Counter(path[0] for path in counts if len(path) == 2)  # noqa: PLR2004 - a pair
    spaces = {name for name, keys in inner.items() if keys == 1}
    kept = [p for p in counts if not (len(p) == 1 and p[0] in spaces)]
    kept.sort(key=lambda path: (-counts[path], path))
    return {path: counts[path] / n for path in kept}


def paths_of(context: Context) -> Iterator[Path]:
    """Yield every key of a context, the namespaces and the keys in them."""
    for name, value in context.items():
        yield (name,)
        if isinstance(value, Mapping):
            for inner in value:
                yield name, inner


def without(context: Context, path: Path) -> Context:
    """Return a context without a key; the same object if it has no such key."""
    name, *rest = path
    if name not in context:
        return context
    value = context[name]
    left = {key: one for key, one in context.items() if key != name}
    if rest:
        if not isinstance(value, Mapping):
            return context
        left[name] = {key: one for key, one in value.items() if key != rest[0]}
    return left


def evaluate_keys(
    storage: Storage, piece: KeysPiece, on_progress: Callable[[int], None]
) -> list[PairedResult]:
    """Evaluate one piece; the whole policy comes first."""
    definition = piece.experiment.definition
    whole = policy_of(definition, piece.spec)
    others = [WithoutKey(policy_of(definition, piece.spec), p) for p in piece.paths]
    evaluation = PairedEvaluation(storage, piece.experiment, whole, others)
    return evaluation.run(piece.last, on_progress)


def _key_value(key: str, share: float, result: PairedResult, width: float) -> KeyValue:
    reason, difference = refused(result.summary), result.difference
    value: float | None = None
    ends: Bounds = UNKNOWN
    if reason is None and difference is not None:
        interval = difference.interval(KEY_CONFIDENCE)
        # The difference is the policy without the key minus the whole one.
        value = -difference.mean * width
        ends = (-(interval.upper or 0.0) * width, -(interval.lower or 0.0) * width)
    return KeyValue(key, share, value, ends, reason)
