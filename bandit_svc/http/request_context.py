"""The things that the views of one web worker share.

Owns the impure things that a request needs: the clock and the randomness, both passed
in. Counting is counting.py's, and newer models are loaded by the server's background.
"""

from collections.abc import Callable

from bandit_svc.clock import elapsed_s
from bandit_svc.domain.callers.rates import rates_of
from bandit_svc.http.brought.bodies import DecisionBodies
from bandit_svc.http.counting import DecisionCounter, begin_counts
from bandit_svc.http.incoming.access_log import AccessLog
from bandit_svc.http.incoming.request_ids import RequestIds
from bandit_svc.services.serving.callers.rate_limits import RateLimits
from bandit_svc.wiring import Worker


class RequestContext:
    """One web worker, with its clock and its randomness."""

    def __init__(
        self,
        worker: Worker,
        now_ms: Callable[[], int],
        entropy: Callable[[int], bytes],
    ) -> None:
        self.worker = worker
        self.now_ms = now_ms
        self.entropy = entropy
        self.request_ids = RequestIds(entropy(6).hex())
        settings = worker.settings
        self.access_log = AccessLog(settings.access_log_every, settings.slow_request_ms)
        self.limits = RateLimits(rates_of(worker.settings.rate_limit), elapsed_s)
        self.decision_bodies = DecisionBodies()
        self.decision_counter = DecisionCounter(worker.catalog)
        begin_counts()
