"""Choose a variant for a request and log the choice.

Owns the path of a decision: group, eligible variants, pmf, floor, draw, append.
Touches no database; the one write is the append. Takes the clock and the
entropy; the draw's seed is the decision's id.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from bandit_svc.domain.apprentice.mode import APPRENTICE
from bandit_svc.domain.apprentice.shown import Shown
from bandit_svc.domain.enriching.declared import EnricherName, Outcome
from bandit_svc.domain.events.codec import encode_activation, encode_repeat
from bandit_svc.domain.events.decision import Activation, Decision, Repeat
from bandit_svc.domain.events.decision_id import text_id, uniform_from_id
from bandit_svc.domain.experiment import Definition, Experiment
from bandit_svc.domain.plain_values import Context
from bandit_svc.domain.programmes.counted import CountedCap
from bandit_svc.domain.slots.page import Page
from bandit_svc.domain.slots.places import shown_variants
from bandit_svc.domain.variant import Variant
from bandit_svc.errors import Unavailable
from bandit_svc.services.policy_inputs import actions_of
from bandit_svc.services.serving.apprentice.taking import (
    check_one_place,
    taken,
)
from bandit_svc.services.serving.brought.checked_variants import (
    CheckedVariants,
    keys_of,
)
from bandit_svc.services.serving.callers.same_request import (
    brought_variants,
    check_same_request,
)
from bandit_svc.services.serving.callers.visits import Visit, visit_of
from bandit_svc.services.serving.conditions import NONE_OUT, ineligible
from bandit_svc.services.serving.eligibility import eligible_variants
from bandit_svc.services.serving.enriching.enriched_visit import enriched
from bandit_svc.services.serving.enriching.enrichers import NO_OUTCOMES
from bandit_svc.services.serving.limits.recipients import is_left_alone
from bandit_svc.services.serving.limits.room import give_back
from bandit_svc.services.serving.ports import ServingPorts
from bandit_svc.services.serving.programmes.placing import placed
from bandit_svc.services.serving.served_experiment import (
    ServedExperiment,
    field_policies,
    pmfs_of,
)
from bandit_svc.services.serving.slots.asked import NO_PINS, alike, page_asked
from bandit_svc.services.serving.slots.limited import Drawing, limited_draws
from bandit_svc.services.serving.splits.branches import in_branch
from policies.base import Action
from policies.pmf import sample


class DecisionRequest(msgspec.Struct, frozen=True, gc=False):
    """A request for a decision; its context has been checked."""

    experiment: str
    unit_id: str | None = None
    context: dict[str, Any] = {}
    exclude: tuple[str, ...] = ()
    variants: tuple[str | Variant, ...] | None = None
    request_id: str | None = None
    defer: bool = False
    links: tuple[str, ...] = ()
    slots: int | None = None
    pinned: Mapping[str, str] = NO_PINS
    distinct_by: str | None = None
    shown: str | None = None
    shown_propensity: float | None = None
    user_agent: str | None = None
    client_hints: dict[str, str] | None = None


class Decided(msgspec.Struct, frozen=True, gc=False):
    """A logged decision and what its variant carries.

    `expires_at_ms` is the end of the reward window; for a deferred decision, the last
    moment at which it can be activated. A page has a payload for each slot, in order.
    `repeated` is an answer to a request that came again, `given_again` one to a unit
    that came back. `ineligible` are the variants that were kept out, with the reasons,
    `enriched` what became of each enricher.
    """

    decision: Decision
    payload: Any
    expires_at_ms: int
    repeated: bool = False
    given_again: bool = False
    ineligible: Mapping[str, str] = NONE_OUT
    enriched: Mapping[EnricherName, Outcome] = NO_OUTCOMES


def decide(
    ports: ServingPorts,
    request: DecisionRequest,
    now_ms: int,
    entropy: bytes,
    trace_id: str | None = None,
    *,
    opted_out: bool = False,
) -> Decided:
    """Choose, log durably, and answer; a repeated request gets its first answer.

    Args:
        entropy: 9 random bytes, which become part of the id.
        trace_id: the caller's own name for the request, kept with the decision.
        opted_out: the browser asks for privacy, as if the unit had denied consent.

    Raises:
        NotFound: there is no such experiment.
        Conflict: it is not running.
            or its `request_id` was answered for another unit, context or variants.
        InvalidInput: the request's own variants are not allowed or not valid, or it
            excludes what is no variant.
        NothingEligible: no variant is left to choose from.
        Unprocessable: an apprentice can't take what the caller's own system shows.
        Unavailable: the choice can't be made durable, so there is none.
    """
    if request.request_id is not None:
        return _decide_once(
            ports, request, request.request_id, now_ms, trace_id, opted_out=opted_out
        )
    served = ports.catalog.running(request.experiment)
    raw = ports.ids.issue_raw(
        served.experiment.number, now_ms, entropy, deferred=request.defer
    )
    return _decide_new(
        ports, served, request, text_id(raw), now_ms, trace_id, raw, opted_out=opted_out
    )


def _decide_once(
    ports: ServingPorts,
    request: DecisionRequest,
    request_id: str,
    now_ms: int,
    trace_id: str | None,
    *,
    opted_out: bool,
) -> Decided:
    """Return the first answer of a request_id, also while the experiment is paused."""
    experiment = ports.catalog.experiment(request.experiment)
    decision_id = ports.ids.issue_for_request(
        experiment.number, request_id, deferred=request.defer
    )
    # The lock closes the race between threads of this worker; one between workers
    # is found at ingest, and its decision marked ambiguous, or by the stream.
    with ports.recent.lock:
        first = ports.recent.find(decision_id)
        if first is None and ports.first_answers is None:
            served = ports.catalog.running(request.experiment)
            decided = _decide_new(
                *(ports, served, request, decision_id, now_ms, trace_id),
                opted_out=opted_out,
            )
            ports.recent.remember(decided.decision)
            return decided
    if first is None:
        served = ports.catalog.running(request.experiment)
        asking = ports.asking_log(now_ms)
        decided = _decide_new(
            *(ports._replace(log=asking), served, request, decision_id),
            *(now_ms, trace_id),
            opted_out=opted_out,
        )
        first = asking.first
        with ports.recent.lock:
            ports.recent.remember(first or decided.decision)
        if first is None:
            return decided
    # Its window and its payloads are those of the revision that decided.
    made_with = ports.catalog.at_revision(experiment, first.revision)
    fields = field_policies(experiment, made_with)
    if fields is not None:
        kept = fields.kept(request.context)
        request = msgspec.structs.replace(request, context=kept)
    check_same_request(made_with, first, request)
    if ports.first_answers is not None and not first.deferred:
        # Who gave the request up may have withdrawn the decision. A deferred one
        # counts when its variant is shown.
        answered = Activation(first.id, first.number, now_ms)
        ports.log.append(encode_activation(answered))
    payload = _payload_of(made_with, first)
    return _answer(made_with, first, payload, repeated=True)


def _decide_new(  # noqa: PLR0913 - of the hot path; a bundle would cost more
    ports: ServingPorts,
    served: ServedExperiment,
    request: DecisionRequest,
    decision_id: str,
    now_ms: int,
    trace_id: str | None,
    issued: bytes | None = None,
    *,
    opted_out: bool,
) -> Decided:
    """Choose and log.

    Args:
        issued: the bytes of the id, where it was just issued at `now_ms`.
    """
    experiment = served.experiment
    visit = visit_of(ports, served, request, now_ms, opted_out=opted_out)
    enrichers = served.enrichers
    if enrichers is not None:
        around = ports.surroundings
        visit = enriched(enrichers, served, request, visit, now_ms, around)
    unit_id, context, apart = visit.unit_id, visit.context, visit.apart
    group_unit = unit_id
    branch = None
    if served.other is not None and not apart:
        served, branch = in_branch(served, unit_id, decision_id)
    if apart:
        # The group alone is of the unit; nothing else is used or kept.
        request = msgspec.structs.replace(request, unit_id=None, request_id=None)
        unit_id, trace_id, context = None, None, {}
    asked = page_asked(experiment.definition, request)
    variants, actions = _eligible(served, request, context, now_ms)
    keys = served.keys
    if variants is not served.variants:
        keys = keys_of(variants)
    sticky = experiment.definition.sticky
    apprentice = experiment.definition.mode == APPRENTICE
    if sticky is not None and unit_id is not None and not apprentice:
        first = ports.kept.find(served, sticky, unit_id, context, keys, now_ms)
        if (
            first is not None
            and alike(asked, first, deferred=request.defer)
            and not is_left_alone(served, visit, first, now_ms)
        ):
            _append_links(ports, visit)
            return _give_again(ports, experiment, first, now_ms)
    page: Page | None = None
    shown: tuple[Variant, ...] = ()
    kept_out: dict[str, str] | None = None
    counted: tuple[CountedCap, ...] = ()
    own: Shown | None = None
    if apprentice:
        check_one_place(asked)
        placing, pmfs, chosen, own = taken(served, request, context, actions, keys)
    elif served.limits is None and asked is None:
        placing = placed(experiment, served.place, group_unit, decision_id, keys)
        pmfs = pmfs_of(served, context, actions, keys, placing.law)
        chosen = sample(pmfs.served, uniform_from_id(decision_id, b"draw"))
    else:
        drawing = Drawing(visit, group_unit, decision_id, asked, request.defer)
        variants, placing, drawn, kept_out, counted = limited_draws(
            ports.limits, served, drawing, (variants, actions), now_ms
        )
        keys, pmfs, chosen, page, shown = drawn
    # In the order of the struct: names would cost more than the draw.
    decision = Decision(
        decision_id,
        experiment.key,
        experiment.number,
        experiment.revision,
        now_ms,
        placing.group,
        context,
        keys,
        pmfs.served,
        chosen,
        pmfs.served[chosen] if own is None else own.propensity or 0.0,
        served.policy.version,
        pmfs.source,
        unit_id,
        request.defer,
        request.request_id,
        brought_variants(variants, request),
        placing.chance,
        pmfs.treatment,
        pmfs.baseline,
        trace_id,
        None,
        None if unit_id == request.unit_id else request.unit_id,
        visit.unread,
        apart,
        placing.membership,
        branch if placing.law == "treatment" else None,
        page,
        kept_out,
        counted,
        own,
        None,
        visit.filled,
    )
    _log(ports, served, visit, decision, issued)
    if sticky is not None and not apprentice:
        ports.kept.remember(served, decision)
    out = (
        ineligible(experiment.definition, decision)
        if served.conditional or kept_out
        else NONE_OUT
    )
    return Decided(
        decision,
        variants[chosen].payload if page is None else [v.payload for v in shown],
        now_ms + served.window_ms,
        False,  # noqa: FBT003 - names would cost time
        False,  # noqa: FBT003
        out,
        visit.outcomes,
    )


def _log(
    ports: ServingPorts,
    served: ServedExperiment,
    visit: Visit,
    decision: Decision,
    issued: bytes | None,
) -> None:
    """Append a decision with the links that it brings."""
    try:
        if visit.linking is not None:
            ports.log.append(visit.linking)
        ports.log.append(ports.encoder.encode(decision, served.keys, issued))
    except Unavailable:
        if served.limits is not None:
            give_back(ports.limits, decision.id)
        raise


def _append_links(ports: ServingPorts, visit: Visit) -> None:
    """Log new links, with the decision: of a refused request nothing is kept."""
    if visit.linking is not None:
        ports.log.append(visit.linking)


def _give_again(
    ports: ServingPorts, experiment: Experiment, first: Decision, now_ms: int
) -> Decided:
    """Log that a unit keeps its variant, and return the first answer."""
    ports.log.append(encode_repeat(Repeat(first.id, first.number, now_ms)))
    # Its window and its payloads are those of the revision that decided.
    made_with = ports.catalog.at_revision(experiment, first.revision)
    decided = _answer(made_with, first, _payload_of(made_with, first), repeated=True)
    return msgspec.structs.replace(decided, given_again=True)


def _eligible(
    served: ServedExperiment, request: DecisionRequest, context: Context, now_ms: int
) -> tuple[tuple[Variant, ...], tuple[Action, ...]]:
    """Return the eligible variants, and what the policy reads of them."""
    if request.variants is None and not request.exclude and not served.conditional:
        return served.variants, served.actions
    asked, definition = request.variants, served.experiment.definition
    if (
        type(asked) is CheckedVariants
        and not request.exclude
        and definition.request_variants == "replace"
    ):
        return asked, asked.actions
    variants = eligible_variants(definition, asked, request.exclude, context, now_ms)
    if variants == served.variants:
        return served.variants, served.actions
    return variants, actions_of(variants)


def _payload_of(definition: Definition, decision: Decision) -> Any:  # noqa: ANN401 - any JSON
    variants = decision.inline_variants or definition.variants
    payloads = {v.key: v.payload for v in variants}
    if decision.slots is not None:
        return [payloads.get(key) for key in shown_variants(decision)]
    return payloads.get(decision.variant)


def _answer(
    definition: Definition,
    decision: Decision,
    payload: Any,  # noqa: ANN401 - any JSON
    *,
    repeated: bool = False,
) -> Decided:
    ends_at_ms = decision.decided_at_ms + definition.reward.window_ms
    return Decided(
        decision,
        payload,
        ends_at_ms,
        repeated,
        ineligible=ineligible(definition, decision),
    )
