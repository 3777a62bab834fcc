"""An experiment as this process serves it.

Owns the immutable view that a request reads: the definition in the forms that
policies want, the served model and the lock around it, and the pmf of each group.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import assert_never

import msgspec
from msgspec.structs import replace

from bandit_svc.domain.events.packing import one_hot
from bandit_svc.domain.experiment import Definition, Experiment, UnitHashes
from bandit_svc.domain.model_version import ModelVersion
from bandit_svc.domain.people.feature import UnitFeature, parse_features
from bandit_svc.domain.people.field_policy import FieldPolicies
from bandit_svc.domain.plain_values import Context
from bandit_svc.domain.programmes.programme import Programme
from bandit_svc.domain.variant import Variant
from bandit_svc.services.policy_inputs import actions_of, baseline_spec, policy_of
from bandit_svc.services.serving.brought.foreseen_pmfs import ForeseenPmfs
from bandit_svc.services.serving.enriching.enrichers import Enrichers
from bandit_svc.services.serving.limits.limits import Limits, limits_of
from bandit_svc.services.serving.programmes.placing import (
    NOTHING,
    Law,
    Place,
    place_in,
)
from policies.base import Action, Joint, Policy
from policies.draws.chances import Chances, ReferencePmfs, Sides, reads_context


class LoadedPolicy:
    """One model version in this process.

    A policy is not thread-safe: `pmf` holds the lock.
    """

    def __init__(self, policy: Policy, version: int, created_at_ms: int) -> None:
        self._policy = policy
        self._joint = policy if isinstance(policy, Joint) else None
        self._foreseen = ForeseenPmfs()
        self._lock = threading.Lock()
        self.version = version
        self.created_at_ms = created_at_ms

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """See policies.base.Policy.pmf."""
        if self._foreseen:
            pmf = self._foreseen.get(context, actions)
            if pmf is not None:
                return pmf
        with self._lock:
            return self._policy.pmf(context, actions)

    @property
    def is_joint(self) -> bool:
        """Return whether `foresee` costs less than what it saves."""
        return self._joint is not None

    def foresee(
        self, context: Context, lists: Sequence[Sequence[Action]], *, anew: bool
    ) -> None:
        """Predict for lists of actions that are asked for next, all at once.

        A model version never changes, so that `pmf` returns the same with it or not.

        Args:
            context: of all of them.
            lists: of actions, best tuples that come again.
            anew: the decisions bring equal contexts, and not this very one.

        Raises:
            PolicyError: as `pmf`.
        """
        if self._joint is None:
            return
        with self._lock:
            pmfs = self._joint.pmfs(context, lists)
        self._foreseen.keep(context, lists, pmfs, by_text=anew)


class ServedExperiment(msgspec.Struct, frozen=True):
    """An experiment, its eligible variants and its policies, at one moment."""

    experiment: Experiment
    variants: tuple[Variant, ...]
    actions: tuple[Action, ...]
    keys: tuple[str, ...]
    policy: LoadedPolicy
    sides: Sides
    """Its policy, its baseline and the floor."""
    features: Mapping[str, UnitFeature]
    window_ms: int
    """Of its rewards, which takes a multiplication to be known."""
    units: UnitHashes
    fields: FieldPolicies | None
    """What is done to the context of a request; None for nothing."""
    enrichers: Enrichers | None
    """What is added to the context; None for nothing."""
    reads_traits: bool
    """Whether the enrichers read what is known of a unit."""
    conditional: bool
    """Whether a variant has a condition, so that not each of them is always eligible.
    """
    place: Place | None
    """In its programme."""
    explore: ReferencePmfs
    """Of the units of the programme that explore."""
    limits: Limits | None
    """Caps and quiet hours of its programme; None for none."""
    asks_store: bool
    """Whether a decision reads what is known of its unit."""
    in_other: bool = False
    """Whether its policy is the other one of a split."""
    other: "ServedExperiment | None" = None
    """The same one with the other policy of a split; None without a split that serves.
    """


Pmfs = Chances
"""What is drawn from, and what each group would have drawn from."""


def pmfs_of(
    served: ServedExperiment,
    context: Context,
    actions: tuple[Action, ...],
    keys: tuple[str, ...],
    law: Law,
) -> Pmfs:
    """Return the pmf that is drawn from, and those of both groups for the log."""
    held_out = law == "baseline"
    found = served.sides.chances(context, actions, keys, held_out=held_out)
    match law:
        case "treatment" | "baseline":
            return found
        case "nothing":
            pmf = one_hot(len(keys), keys.index(NOTHING))
            return Pmfs(pmf, "baseline", found.treatment, found.baseline)
        case "explore":
            pmf = served.explore.of(context, actions, keys)
            return Pmfs(pmf, "explore", found.treatment, found.baseline)
        case _:
            assert_never(law)


def field_policies(
    experiment: Experiment, definition: Definition
) -> FieldPolicies | None:
    """Return what one revision does to the context of a request; None for nothing."""
    strict = definition.features_strict
    return FieldPolicies(definition.fields, experiment.salt, strict=strict) or None


def load_policy(definition: Definition, published: ModelVersion | None) -> LoadedPolicy:
    """Build the model of a model version, or an untrained one where there is none.

    The model version's own spec counts: a changed one serves once it has caught up.
    """
    if published is None:
        return LoadedPolicy(policy_of(definition, definition.policy), 0, 0)
    meta = published.meta
    policy = policy_of(definition, meta.policy, published.state)
    return LoadedPolicy(policy, meta.version, meta.created_at_ms)


def prepared(
    experiment: Experiment,
    policy: LoadedPolicy,
    programme: Programme | None = None,
    other: LoadedPolicy | None = None,
) -> ServedExperiment:
    """Prepare a definition for requests.

    Args:
        experiment: the definition.
        policy: of the definition.
        programme: of the experiment, if it is in one.
        other: of its split, where that serves.
    """
    definition = experiment.definition
    variants, enrich = definition.active_variants, definition.enrich
    spec = baseline_spec(definition)
    reference = ReferencePmfs(
        policy_of(definition, spec), reads_context=reads_context(spec)
    )
    floor = definition.exploration_floor
    limits = limits_of(programme, definition)
    features = parse_features(definition.features)
    reads_traits = enrich is not None and enrich.reads_traits
    told = features or reads_traits or limits is not None
    served = ServedExperiment(
        experiment=experiment,
        variants=variants,
        actions=actions_of(variants),
        keys=tuple(v.key for v in variants),
        policy=policy,
        sides=Sides(policy, reference, floor),
        features=features,
        window_ms=definition.reward.window_ms,
        units=UnitHashes(experiment.salt),
        fields=field_policies(experiment, definition),
        enrichers=None if enrich is None else Enrichers(enrich),
        reads_traits=reads_traits,
        conditional=any(v.is_conditional for v in variants),
        place=place_in(programme, experiment.key),
        explore=_explore_pmfs(definition, programme),
        limits=limits,
        asks_store=bool(told or definition.sticky is not None),
    )
    if other is None:
        return served
    sides = Sides(other, reference, floor)
    second = replace(served, policy=other, sides=sides, in_other=True)
    return replace(served, other=second)


def _explore_pmfs(definition: Definition, programme: Programme | None) -> ReferencePmfs:
    given = None if programme is None else programme.definition.explore_policy
    spec = given or {"kind": "uniform"}
    return ReferencePmfs(policy_of(definition, spec), reads_context=False)
