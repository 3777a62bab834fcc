"""An experiment as this process serves it.

Owns the immutable view that a request reads: the definition in the forms that
policies want, the served model and the lock around it.
"""

import threading
from collections.abc import Mapping, Sequence

import msgspec

from bandit_svc.domain.experiment import Definition, Experiment, UnitHashes
from bandit_svc.domain.model_version import ModelVersion
from bandit_svc.domain.people.feature import UnitFeature, parse_features
from bandit_svc.domain.plain_values import Context
from bandit_svc.domain.variant import Variant
from bandit_svc.services.policy_inputs import actions_of, baseline_spec, policy_of
from policies.base import Action, Policy
from policies.pmf import validate_pmf
from policies.spec import fixed_weights, normalise_spec

MOST_ELIGIBLE_SETS = 1_000


class LoadedPolicy:
    """One model version in this process.

    A policy is not thread-safe: `pmf` holds the lock.
    """

    def __init__(self, policy: Policy, version: int, created_at_ms: int) -> None:
        self._policy = policy
        self._lock = threading.Lock()
        self.version = version
        self.created_at_ms = created_at_ms

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """See policies.base.Policy.pmf."""
        with self._lock:
            return self._policy.pmf(context, actions)


class BaselinePmfs:
    """The reference policy's pmf of each eligible set, without a floor.

    Every decision logs it. Most baselines read no context, so that theirs is asked for
    once for each eligible set.
    """

    def __init__(self, policy: Policy, *, reads_context: bool) -> None:
        self._policy = policy
        self._reads_context = reads_context
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, ...], tuple[float, ...]] = {}

    def of(
        self, context: Context, actions: Sequence[Action], keys: tuple[str, ...]
    ) -> tuple[float, ...]:
        """Return the pmf over the actions.

        Args:
            keys: of the actions; the same object returned for the same keys where the
                baseline reads no context.

        Raises:
            PolicyError: it has no valid pmf for them.
        """
        found = self._kept.get(keys)
        if found is None:
            with self._lock:
                found = tuple(self._policy.pmf(context, actions))
            validate_pmf(found, len(actions), 0.0)
            if not self._reads_context:
                if len(self._kept) >= MOST_ELIGIBLE_SETS:
                    self._kept.clear()
                self._kept[keys] = found
        return found


class ServedExperiment(msgspec.Struct, frozen=True):
    """An experiment, its eligible variants and its policies, at one moment."""

    experiment: Experiment
    variants: tuple[Variant, ...]
    actions: tuple[Action, ...]
    keys: tuple[str, ...]
    policy: LoadedPolicy
    baseline: BaselinePmfs
    features: Mapping[str, UnitFeature]
    window_ms: int
    """Of its rewards, which takes a multiplication to be known."""
    units: UnitHashes


def load_policy(definition: Definition, published: ModelVersion | None) -> LoadedPolicy:
    """Build the model of a model version, or an untrained one where there is none.

    The model version's own spec counts: a changed one serves once it has caught up.
    """
    if published is None:
        return LoadedPolicy(policy_of(definition, definition.policy), 0, 0)
    meta = published.meta
    policy = policy_of(definition, meta.policy, published.state)
    return LoadedPolicy(policy, meta.version, meta.created_at_ms)


def prepared(experiment: Experiment, policy: LoadedPolicy) -> ServedExperiment:
    """Prepare a definition for requests."""
    definition = experiment.definition
    variants = definition.active_variants
    spec = baseline_spec(definition)
    reads_context = fixed_weights(normalise_spec(spec)) is None
    return ServedExperiment(
        experiment=experiment,
        variants=variants,
        actions=actions_of(variants),
        keys=tuple(v.key for v in variants),
        policy=policy,
        baseline=BaselinePmfs(policy_of(definition, spec), reads_context=reads_context),
        features=parse_features(definition.features),
        window_ms=definition.reward.window_ms,
        units=UnitHashes(experiment.salt),
    )
