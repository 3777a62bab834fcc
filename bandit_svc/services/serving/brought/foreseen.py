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
    groups: dict[tuple[int, int, str | None], _Group] = {}
    for request in requests:
        variants = request.variants
        if type(variants) is not CheckedVariants or request.exclude:
            continue
        with suppress(BanditError):
            served = ports.catalog.running(request.experiment)
            if not served.policy.is_joint:
                continue
            # Two units may have different features of the same name.
            unit_id = request.unit_id if served.features else None
            # The requests hold the contexts, so that their ids belong to nothing else.
            key = (id(served), id(request.context), unit_id)
            group = groups.get(key)
            if group is None:
                context = request.context
                if _makes_contexts(served):
                    visit = visit_of(
                        ports, served, request, now_ms, opted_out=opted_out
                    )
                    context = visit.context
                group = groups[key] = _Group(served, context, [])
            group.lists.append(variants.actions)
    for group in groups.values():
        if len(group.lists) > 1:
            # The decision itself meets the same error, and falls back.
            with suppress(PolicyError):
                group.served.policy.foresee(
                    group.context, group.lists, anew=_makes_contexts(group.served)
                )


def _makes_contexts(served: ServedExperiment) -> bool:
    """Return whether each decision makes a context of its own out of the request's."""
    return bool(served.features) or served.fields is not None
