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
from bandit_svc.services.serving.callers.visits import visit_of
from bandit_svc.services.serving.decide import DecisionRequest
from bandit_svc.services.serving.ports import ServingPorts
from bandit_svc.services.serving.served_experiment import ServedExperiment
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
            known[key] if key in known else known.setdefault(key, _joint(ports, key))
        )
        if served is None:
            continue
        # Two units may have different features of the same name. The requests hold the
        # contexts, so that their ids belong to nothing else.
        unit_id = request.unit_id if served.features else None
        group = groups.get((key, id(request.context), unit_id))
        if group is None:
            context = _context_of(ports, served, request, now_ms, opted_out=opted_out)
            group = _Group(served, context, [])
            groups[key, id(request.context), unit_id] = group
        group.lists.append(variants.actions)
    for served, context, lists in groups.values():
        if len(lists) > 1:
            # The decision itself meets the same error, and falls back.
            with suppress(PolicyError):
                served.policy.foresee(context, lists, anew=_makes_contexts(served))


def _joint(ports: ServingPorts, key: str) -> ServedExperiment | None:
    """Return a running experiment whose policy predicts jointly; else None."""
    with suppress(BanditError):
        served = ports.catalog.running(key)
        return served if served.policy.is_joint else None
    return None


def _context_of(
    ports: ServingPorts,
    served: ServedExperiment,
    request: DecisionRequest,
    now_ms: int,
    *,
    opted_out: bool,
) -> Payload:
    """Return the context that a decision will be made in, as far as is known."""
    if _makes_contexts(served):
        # The decision itself meets the same error.
        with suppress(BanditError):
            visit = visit_of(ports, served, request, now_ms, opted_out=opted_out)
            return visit.context
    return request.context


def _makes_contexts(served: ServedExperiment) -> bool:
    """Return whether each decision makes a context of its own out of the request's."""
    return bool(served.features) or served.fields is not None
