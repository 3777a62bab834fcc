"""The receipt of a decision: how it came about, drawn again.

Owns the receipt: what was eligible and why the rest was not, the chances, the draw
that the id seeds, the group, and what each context key did. Reads the store; changes
nothing. What can be computed again is, and the receipt says whether it agrees.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, assert_never

import msgspec
from msgspec.structs import replace

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.decision_id import draw_from_id, split_slot
from bandit_svc.domain.experiment import Definition, Experiment, Group
from bandit_svc.domain.plain_values import Context, Spec
from bandit_svc.domain.slots.page import NAMESPACE
from bandit_svc.domain.slots.places import slot_decisions
from bandit_svc.domain.splits.split import is_other
from bandit_svc.services.policy_inputs import actions_of, baseline_spec, policy_of
from bandit_svc.services.serving.conditions import ineligible
from bandit_svc.services.serving.outcomes.asked_model import SAME, AskedModel, KeyEffect
from bandit_svc.services.serving.programmes.placing import (
    NOTHING,
    place_in,
    placed,
    programme_at,
)
from bandit_svc.services.serving.served_experiment import LoadedPolicy, load_policy
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import DecisionView
from policies.base import Action, PolicyError
from policies.pmf import mix_floor, sample

MOST_KEYS = 12


class DrawnVariant(NamedTuple):
    """An eligible variant, its chance, and its part of [0, 1).

    Attributes:
        treatment: its chance in the bandit's group; None if that was not logged.
        baseline: its chance in the holdout.
    """

    variant: str
    probability: float
    treatment: float | None
    baseline: float | None
    begins: float
    ends: float
    chosen: bool


class LeftOut(NamedTuple):
    """A variant that could not be chosen, and why."""

    variant: str
    why: str


class AssignedGroup(NamedTuple):
    """The group, and whether assigning it again agrees."""

    group: Group
    how: str
    holdout: float
    agrees: bool


class Receipt(NamedTuple):
    """How one decision came about.

    Attributes:
        draw: in [0, 1), the random number that its id seeds.
        drawn_again: the variant that the draw gives.
    """

    variants: tuple[DrawnVariant, ...]
    left_out: tuple[LeftOut, ...]
    draw: float
    drawn_again: str
    draw_agrees: bool
    group: AssignedGroup
    floor: float
    model: AskedModel


def receipt(storage: Storage, experiment: Experiment, view: DecisionView) -> Receipt:
    """Return the receipt of a decision.

    Args:
        experiment: the one that decided, as it is now.
    """
    # A page is explained by its first slot; each of the others has its own receipt.
    decision = slot_decisions(view.decision)[0]
    definition = storage.experiments.at_revision(experiment.number, decision.revision)
    if definition is None:
        definition = experiment.definition
    draw = draw_from_id(decision.id)
    return Receipt(
        variants=tuple(_variants(decision)),
        left_out=tuple(_left_out(definition, decision)),
        draw=draw,
        drawn_again=decision.variants[sample(decision.pmf, draw)],
        draw_agrees=sample(decision.pmf, draw) == decision.chosen,
        group=_group(storage, experiment, definition, decision),
        floor=definition.exploration_floor,
        model=_model(storage, experiment, definition, decision),
    )


def _variants(decision: Decision) -> Iterator[DrawnVariant]:
    """Yield each eligible variant with its chance and its part of [0, 1)."""
    begins = 0.0
    for index, one in enumerate(decision.chances):
        ends = begins + one.probability
        yield DrawnVariant(*one, begins, ends, index == decision.chosen)
        begins = ends


def _left_out(definition: Definition, decision: Decision) -> list[LeftOut]:
    """Return why a variant of that revision was not eligible."""
    request = (
        "the request brought its own variants"
        if decision.inline_variants
        else "the request left it out, by `exclude` or by its list of `variants`"
    )
    out = ineligible(definition, decision)
    above = decision.context.get(NAMESPACE) if split_slot(decision.id)[1] else None
    if isinstance(above, dict):
        request = (
            "pinned to another slot, the double of a variant above or of a pinned one, "
            "or left out by the request"
        )
        out = {**out, **_above(definition, above)}
    return [
        LeftOut(
            variant.key,
            f"retired before revision {decision.revision + 1}"
            if variant.retired
            else out.get(variant.key, request),
        )
        for variant in definition.variants
        if variant.key not in decision.variants
    ]


def _above(definition: Definition, slot: Mapping[str, object]) -> dict[str, str]:
    """Return the variants that stand above a slot, and which the reason is."""
    return {
        variant.key: "stands above, in another slot of the page"
        for variant in definition.variants
        if f"above_{variant.key}" in slot
    }


def _group(
    storage: Storage, experiment: Experiment, definition: Definition, decision: Decision
) -> AssignedGroup:
    """Assign the group again."""
    if decision.without_consent:
        # By the unit, which nobody knows any more.
        how = "by the unit, which was not kept"
        return AssignedGroup(decision.group, how, definition.holdout, agrees=True)
    if decision.shown is not None:
        how = "of all units, as the caller's own system chose"
        return AssignedGroup(decision.group, how, 0.0, agrees=True)
    how = (
        "drawn for this decision" if decision.unit_id is None else "fixed for the unit"
    )
    place = None
    if decision.programme is not None:
        key = decision.programme.key
        how += f", in the group {decision.programme.group} of programme {key!r}"
        programme = programme_at(storage.programmes, key, decision.decided_at_ms)
        place = place_in(programme, experiment.key)
    again = placed(
        msgspec.structs.replace(experiment, definition=definition),
        place,
        decision.unit_id,
        split_slot(decision.id)[0],
        # As for a page: a slot is placed as all of it.
        () if split_slot(decision.id)[1] else decision.variants,
    )
    agrees = (again.group, again.membership) == (decision.group, decision.programme)
    return AssignedGroup(decision.group, how, definition.holdout, agrees)


def _model(
    storage: Storage, experiment: Experiment, definition: Definition, decision: Decision
) -> AskedModel:
    """Ask the model of that moment again, if its version is still kept."""
    found = AskedModel(decision.model_version, kept=False)
    try:
        policy = _policy(storage, experiment, definition, decision)
        if policy is None:
            return found
        match decision.source:
            case "baseline":
                floor, learned = 0.0, False
            case "fallback":
                floor, learned = definition.exploration_floor, False
            case "explore":
                floor, learned = 0.0, False
            case "policy":
                floor, learned = definition.exploration_floor, True
            case _:
                assert_never(decision.source)
        actions = _actions(definition, decision)
        again = mix_floor(policy.pmf(decision.context, actions), floor)
        effects: list[KeyEffect] = []
        if learned:
            effects = _effects(policy, actions, decision, again, floor)
    except PolicyError:
        return found
    # Of what the caller's own system showed, the log has the policy's pmf beside it.
    logged = decision.pmf if decision.shown is None else decision.treatment_pmf or ()
    difference = max(abs(a - b) for a, b in zip(again, logged, strict=True))
    agrees = difference < SAME
    return AskedModel(
        decision.model_version, kept=True, agrees=agrees, effects=tuple(effects)
    )


def _policy(
    storage: Storage, experiment: Experiment, definition: Definition, decision: Decision
) -> LoadedPolicy | None:
    if decision.source != "policy":
        spec = _reference(storage, definition, decision)
        return LoadedPolicy(policy_of(definition, spec), 0, 0)
    versions = storage.model_versions
    if is_other(decision.branch):
        split = definition.split
        if split is None or split.policy is None:
            return None
        definition = replace(definition, policy=split.policy)
        versions = storage.branch_versions
    if not decision.model_version:
        return load_policy(definition, None)
    published = versions.get(experiment.number, decision.model_version)
    return None if published is None else load_policy(definition, published)


def _reference(storage: Storage, definition: Definition, decision: Decision) -> Spec:
    """Return the spec of the policy that decided and learns nothing."""
    membership = decision.programme
    if membership is None:
        return baseline_spec(definition)
    if decision.source == "explore":
        programme = programme_at(
            storage.programmes, membership.key, decision.decided_at_ms
        )
        spec = None if programme is None else programme.definition.explore_policy
        return spec or {"kind": "uniform"}
    apart = membership.group == "holdout" or membership.instead is not None
    if apart and NOTHING in decision.variants:
        return {"kind": "fixed", "variant": NOTHING}
    return baseline_spec(definition)


def _actions(definition: Definition, decision: Decision) -> tuple[Action, ...]:
    known = {v.key: v for v in decision.inline_variants or definition.variants}
    return actions_of([known[key] for key in decision.variants])


def _effects(
    policy: LoadedPolicy,
    actions: Sequence[Action],
    decision: Decision,
    pmf: Sequence[float],
    floor: float,
) -> list[KeyEffect]:
    """Return the keys that change the chances most, the strongest first."""
    found: list[KeyEffect] = []
    for key, without in _leaving_one_out(decision.context):
        other = mix_floor(policy.pmf(without, actions), floor)
        found.append(
            KeyEffect(
                key,
                moved=sum(abs(a - b) for a, b in zip(pmf, other, strict=True)) / 2,
                chosen=pmf[decision.chosen] - other[decision.chosen],
            )
        )
    return sorted(found, key=lambda one: -one.moved)[:MOST_KEYS]


def _leaving_one_out(context: Context) -> list[tuple[str, Context]]:
    found: list[tuple[str, Context]] = []
    for name, value in context.items():
        rest = {n: v for n, v in context.items() if n != name}
        if isinstance(value, Mapping):
            found += [
                (
                    f"{name}.{inner}",
                    {**rest, name: {n: v for n, v in value.items() if n != inner}},
                )
                for inner in value
            ]
        else:
            found.append((name, rest))
    return found
