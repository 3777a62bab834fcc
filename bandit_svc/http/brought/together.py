"""Requests of a batch that are decided together.

Owns how many are, and the order of their steps: predict for all, choose for each, write
all, and only then answer. Each choice is what the request alone would have got.
"""

import time
from typing import Final

import msgspec

from bandit_svc import metrics
from bandit_svc.domain.events.decision_id import ENTROPY_BYTES
from bandit_svc.errors import BanditError, Unavailable
from bandit_svc.http.answers import DecisionAnswer
from bandit_svc.http.auth import check_experiment
from bandit_svc.http.incoming.caller import Browser, Caller
from bandit_svc.http.people.unit_names import with_kept_names
from bandit_svc.http.problems import Problem, problem_of
from bandit_svc.http.request_context import RequestContext
from bandit_svc.http.slots.answers import PageAnswer, answer_of
from bandit_svc.metric_counts import count, observe
from bandit_svc.services.serving.brought.checked_variants import CheckedVariants
from bandit_svc.services.serving.brought.foreseen import foresee
from bandit_svc.services.serving.brought.gathered_log import GatheredLog
from bandit_svc.services.serving.decide import Decided, DecisionRequest, decide

MOST_TOGETHER: Final = 64
"""Requests with a few known variants; about 2 ms, in which no other connection has its
turn."""
_ALONE: Final = 4
"""What a request counts that has no share in a joint prediction."""
_set = msgspec.structs.force_setattr
_VARIANTS: Final = 16
"""So many variants count as one request more."""


def asked_by(
    request_context: RequestContext, parsed: DecisionRequest, caller: Caller
) -> DecisionRequest:
    """Return a request as its caller may make it, under the kept names of its unit.

    Raises:
        Forbidden: the key is not for the experiment.
        InvalidInput: an id of the unit is empty or too long.
    """
    check_experiment(caller.key, parsed.experiment, "/experiment")
    if caller.prefetched:
        # The page is being prepared; the decision counts when it is activated.
        parsed = msgspec.structs.replace(parsed, defer=True)
    with_kept_names(request_context, caller, parsed)
    if caller.browser is not None and parsed.user_agent is None:
        _tell(request_context, parsed, caller.browser)
    return parsed


def _tell(
    request_context: RequestContext, parsed: DecisionRequest, browser: Browser
) -> None:
    """Put what a page's browser says into a request, where the experiment asks."""
    try:
        served = request_context.worker.catalog.prepared(parsed.experiment)
    except BanditError:
        # The decision meets the same error.
        return
    if served.enrichers is not None:
        agent, hints = browser.said()
        # The request was just parsed, and is nobody else's.
        _set(parsed, "user_agent", agent)
        _set(parsed, "client_hints", hints)


def count_decided(
    request_context: RequestContext, decided: Decided, took_s: float
) -> None:
    """Count a decision that was logged."""
    for enricher, outcome in decided.enriched.items():
        count(metrics.ENRICHMENTS.labels(enricher, outcome))
    if not decided.repeated:
        request_context.decision_counter.count(decided.decision)
    observe(metrics.DECISION_SECONDS, took_s)


class Together:
    """The requests of one batch that wait, by their place in it."""

    def __init__(self, request_context: RequestContext, caller: Caller) -> None:
        self._request_context = request_context
        self._caller = caller
        self._waiting: list[tuple[int, DecisionRequest]] = []
        self._weight = 0

    def add(self, index: int, parsed: DecisionRequest) -> None:
        """Let a request wait.

        Raises:
            BanditError: as of `asked_by`.
        """
        asked = asked_by(self._request_context, parsed, self._caller)
        self._weight += self._weight_of(asked)
        self._waiting.append((index, asked))

    @property
    def is_full(self) -> bool:
        """Return whether it is time to decide."""
        return self._weight >= MOST_TOGETHER

    def answers(self) -> dict[int, DecisionAnswer | PageAnswer | Problem]:
        """Decide what waits; return the answers by place."""
        waiting, self._waiting, self._weight = self._waiting, [], 0
        if not waiting:
            return {}
        began = time.perf_counter()
        context, caller = self._request_context, self._caller
        ports, now_ms = context.worker.serving, context.now_ms()
        requests = [request for _, request in waiting]
        foresee(ports, requests, now_ms, opted_out=caller.opted_out)
        gathered = GatheredLog(ports.log)
        gathering = ports._replace(log=gathered)
        entropy = context.entropy(ENTROPY_BYTES * len(waiting))
        answers: dict[int, DecisionAnswer | PageAnswer | Problem] = {}
        found: list[tuple[int, Decided, bool]] = []
        for number, (index, request) in enumerate(waiting):
            begin = ENTROPY_BYTES * number
            try:
                gathers = self._may_wait(request)
                decided = decide(
                    gathering if gathers else ports,
                    request,
                    now_ms,
                    entropy[begin : begin + ENTROPY_BYTES],
                    caller.request_id,
                    opted_out=caller.opted_out,
                )
            except BanditError as error:
                # One bad request of a batch does not fail the others.
                answers[index] = _problem(error, index)
            else:
                found.append((index, decided, gathers))
        refused = _flushed(gathered)
        took_s = (time.perf_counter() - began) / len(waiting)
        for index, decided, gathers in found:
            if gathers and refused is not None:
                answers[index] = _problem(refused, index)
            else:
                count_decided(context, decided, took_s)
                answers[index] = answer_of(decided)
        return answers

    def _may_wait(self, request: DecisionRequest) -> bool:
        """Return whether nothing is kept of a decision before it is durable.

        Answers that are given again are remembered as soon as they are made, and what
        a cap holds for a decision is given back where it can't be logged.
        """
        if request.request_id is not None:
            return False
        served = self._request_context.worker.catalog.prepared(request.experiment)
        return served.experiment.definition.sticky is None and served.limits is None

    def _weight_of(self, request: DecisionRequest) -> int:
        variants = request.variants
        if type(variants) is CheckedVariants:
            return 1 + len(variants) // _VARIANTS
        if variants is None:
            catalog = self._request_context.worker.catalog
            variants = catalog.prepared(request.experiment).variants
        return _ALONE + len(variants) // _VARIANTS * _ALONE


def _flushed(gathered: GatheredLog) -> Unavailable | None:
    """Write what was gathered; return why it could not be written."""
    try:
        gathered.flush()
    except Unavailable as error:
        return error
    return None


def _problem(error: BanditError, index: int) -> Problem:
    return problem_of(error, f"/decisions/{index}")
