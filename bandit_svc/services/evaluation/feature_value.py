"""Say what each key of the context is worth to a policy.

Owns the comparison of a policy with itself when a key is left out of every context it
decides on and learns from: how much less it would have earned on the log. Both are
trained progressively, from nothing. All intervals hold together, at every look at the
same log as it grows, unless more than MAX_KEYS keys are ever looked at: the risk is
shared among so many, not among those of the moment, whose number moves from look to
look.

A key is worth nothing where others tell the same: of an hour and a time of day each
can be left out, not both. So whole namespaces are left out too.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from bandit_svc.domain.events.event import decode_decision
from bandit_svc.domain.experiment import TREATMENT, Experiment
from bandit_svc.errors import InvalidInput
from bandit_svc.services.evaluation.candidate import REFERENCES
from bandit_svc.services.evaluation.paired import PairedEvaluation, PairedResult
from bandit_svc.services.evaluation.processes import (
    Opener,
    dealt,
    gathered,
    in_processes,
)
from bandit_svc.services.evaluation.rows import refused
from bandit_svc.services.policy_inputs import reward_range
from bandit_svc.services.values import CONFIDENCE, Json
from bandit_svc.storage.interface import Storage
from policies.base import Action, Context, Policy
from policies.spec import build_policy

Spec = Mapping[str, Any]
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


class WithoutKey:
    """A policy that never sees one key; see policies.base.Policy."""

    def __init__(self, policy: Policy, path: Path) -> None:
        self._policy = policy
        self._path = path

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Give the policy's pmf for what is left of the context."""
        return self._policy.pmf(without(context, self._path), actions)

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Teach the policy what is left of the context."""
        left = without(context, self._path)
        self._policy.learn(left, actions, chosen, propensity, reward)

    def dump(self) -> bytes:
        """Give the policy's state."""
        return self._policy.dump()

    def load(self, state: bytes) -> None:
        """Replace the policy's state."""
        self._policy.load(state)


def feature_values(
    opener: Opener,
    experiment: Experiment,
    spec: Spec,
    processes: int,
    on_progress: Callable[[int], None] = lambda _done: None,
) -> Json:
    """Rank the keys of the context by what they are worth.

    The result does not depend on the number of processes.

    Args:
        opener: gives the store; called in each process.
        experiment: as it is now.
        spec: normalised, of a policy that learns.
        processes: how many work at the same time.
        on_progress: told how many joined decisions are done.

    Returns:
        `refused`, or the reason why nothing can be said; `keys`, a row a key, the most
        valuable first, refused ones last; `left_out`, the rare ones and those beyond
        MAX_KEYS; `n`, `confidence`.

    Raises:
        InvalidInput: the policy does not learn, so that no key matters to it.
    """
    if spec["kind"] in REFERENCES:
        raise InvalidInput(
            f"a {spec['kind']} policy looks at no context, so no key is worth anything "
            "to it; say --policy with one that learns"
        )
    with closing(opener()) as storage:
        last = storage.joins.last_position(experiment.number)
        shares = key_shares(storage, experiment, last)
    usual = [p for p, share in shares.items() if share >= LEAST_SHARE]
    looked_at = usual[:MAX_KEYS]
    pieces = [
        KeysPiece(experiment, spec, hand, last) for hand in dealt(looked_at, processes)
    ]
    found = in_processes(evaluate_keys, pieces, opener, on_progress)
    whole, results = found[0][0], gathered([one[1:] for one in found])
    width = experiment.definition.reward.maximum - experiment.definition.reward.minimum
    rows = [
        {"key": ".".join(path), "share": shares[path], **_worth(one, width)}
        for path, one in zip(looked_at, results, strict=True)
    ]
    rows.sort(key=lambda row: (row["refused"] is not None, -(row["value"] or 0.0)))
    return {
        "experiment": experiment.key,
        "policy": dict(spec),
        "n": whole.summary.sums.n,
        "effective_sample_size": whole.summary.sums.effective_sample_size,
        "refused": refused(whole.summary),
        "confidence": CONFIDENCE,
        "keys": [] if refused(whole.summary) else rows,
        "left_out": [
            {"key": ".".join(path), "share": share}
            for path, share in shares.items()
            if path not in looked_at
        ],
    }


def key_shares(
    storage: Storage, experiment: Experiment, last: int
) -> dict[Path, float]:
    """Give the share of treatment decisions that have each key, largest first.

    A namespace counts as a key where it has held two keys or more.
    """
    counts: Counter[Path] = Counter()
    n = position = 0
    while position < last:
        limit = min(BATCH, last - position)
        rows = storage.joins.after(experiment.number, position, limit)
        for row in rows:
            decision = decode_decision(row.line)
            if decision.group == TREATMENT:
                n += 1
                counts.update(paths_of(decision.context))
        position = rows[-1].position
    inner = Counter(path[0] for path in counts if len(path) == 2)  # noqa: PLR2004 - a pair
    spaces = {name for name, keys in inner.items() if keys == 1}
    kept = [p for p in counts if not (len(p) == 1 and p[0] in spaces)]
    kept.sort(key=lambda path: (-counts[path], path))
    return {path: counts[path] / n for path in kept}


def paths_of(context: Context) -> Iterator[Path]:
    """Give every key of a context, those of namespaces, and the namespaces."""
    for name, value in context.items():
        yield (name,)
        if isinstance(value, Mapping):
            for inner in value:
                yield name, inner


def without(context: Context, path: Path) -> Context:
    """Give a context without a key; the same one if it has no such key."""
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
    scale = reward_range(piece.experiment.definition)
    whole = build_policy(piece.spec, scale)
    others = [WithoutKey(build_policy(piece.spec, scale), p) for p in piece.paths]
    evaluation = PairedEvaluation(storage, piece.experiment, whole, others)
    return evaluation.run(piece.last, on_progress)


def _worth(result: PairedResult, width: float) -> Json:
    reason, difference = refused(result.summary), result.difference
    value: float | None = None
    ends: list[float | None] = [None, None]
    if reason is None and difference is not None:
        interval = difference.interval(KEY_CONFIDENCE)
        # What was compared is the policy without the key, less the whole one.
        value = -difference.mean * width
        ends = [-(interval.upper or 0.0) * width, -(interval.lower or 0.0) * width]
    return {"value": value, "interval": ends, "refused": reason}
