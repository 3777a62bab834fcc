"""What the decisions of one batch will ask their policies, asked together.

Owns which requests share a context and a policy, so that one joint prediction serves
all of them. It is kept by the policy and changes no probability: what is not foreseen,
or turns out otherwise, is predicted when it is asked.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from bandit_svc.domain.plain_values import Payload
from bandit_svc.errors import BanditError
from bandit_svc.services.serving.brought.checked_variants import CheckedVariants
from bandit_svc.services.serving.callers.visits import Visit, visit_of
from bandit_svc.services.serving.decide import DecisionRequest
from bandit_svc.services.serving.enriching.enriched_visit import enriched
from bandit_svc.services.serving.ports import ServingPorts
from bandit_svc.services.serving.served_experiment import ServedExperiment
from bandit_svc.services.serving.splits.branches import in_branch
from policies.base import Action, PolicyError


class _Group(NamedTuple):
    served: ServedExperiment
    context: Payload
    lists: list[tuple[Action, ...]]


def foresee(
    ports: ServingPorts,
    requests: Iterable[DecisionRequest],
    now_ms: int,
    *,
    opted_out: bool,
) -> None:
    """Predict for requests that are decided next, where that costs less together."""
    known: dict[str, ServedExperiment | None] = {}
    groups: dict[tuple[str, int, str | None], _Group] = {}
    for request in requests:
        variants, key = request.variants, request.experiment
        if type(variants) is not CheckedVariants or request.exclude:
            continue
        served = (
            known[key] if key in known else known.setdefault(key, _served(ports, key))
        )
        if served is None:
            continue
        # Two units may have other features, and be in other branches of a split. The
        # requests hold the contexts, so that their ids belong to nothing else.
        own = (
            served.features or served.other is not None or served.enrichers is not None
        )
        place = (key, id(request.context), request.unit_id if own else None)
        group = groups.get(place)
        if group is None:
            visit = _visit(ports, served, request, now_ms, opted_out=opted_out)
            if served.other is not None:
                served, _ = in_branch(served, visit.unit_id, "")
            group = groups[place] = _Group(served, visit.context, [])
        group.lists.append(variants.actions)
    for served, context, lists in groups.values():
        if len(lists) > 1 and served.policy.is_joint:
            # The decision itself meets the same error, and falls back.
            with suppress(PolicyError):
                served.policy.foresee(context, lists, anew=_makes_contexts(served))


def _served(ports: ServingPorts, key: str) -> ServedExperiment | None:
    """Return a running experiment that chooses one variant; else None."""
    with suppress(BanditError):
        served = ports.catalog.running(key)
        # The places of a page are drawn one after the other, each from other variants.
        if served.experiment.definition.slots is None:
            return served
    return None


def _visit(
    ports: ServingPorts,
    served: ServedExperiment,
    request: DecisionRequest,
    now_ms: int,
    *,
    opted_out: bool,
) -> Visit:
    """Return who a decision will be made for, and in which context."""
    # The decision itself meets the same error.
    with suppress(BanditError):
        visit = visit_of(ports, served, request, now_ms, opted_out=opted_out)
        if served.enrichers is None:
            return visit
        around = ports.surroundings
        return enriched(served.enrichers, served, request, visit, now_ms, around)
    return Visit(request.unit_id, request.context, opted_out)


def _makes_contexts(served: ServedExperiment) -> bool:
    """Return whether each decision makes a context of its own out of the request's."""
    changing = served.fields is not None or served.enrichers is not None
    return bool(served.features) or changing
