"""Simulated visitors of a running service, through its client.

Owns the order of requests in time: decisions at a rate, activations when a variant
comes into view, rewards when they arrive. One loop and one connection, which wait for
the clock alone. The service is used as any caller would use it.
"""

import heapq
import itertools
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bandit_svc.client import BanditClient, BanditClientError
from simulators.environment import World, baseline_variant
from simulators.pace import Pace, RealPace
from simulators.summary import Summary, Tally
from simulators.visitors import Habits, Visit, Visitors, habits_for
from simulators.worlds.registry import world

DEFAULT_WINDOW_S = 10.0
TIMEOUT_S = 10.0
# Failures without a success for this long mean that the service is gone.
GIVE_UP_AFTER_S = 10.0
# As senders of webhooks do, deliveries are retried after 0.5 s, 1 s, 2 s and 4 s.
RETRY_AFTER_S = (0.5, 1.0, 2.0, 4.0)
# A loop that is further behind its rate than this does not try to catch up.
LARGEST_BACKLOG_S = 1.0
PROGRESS_EVERY_S = 0.5
NOT_FOUND = 404
CONFLICT = 409
FIRST_SERVER_ERROR = 500

Progress = Callable[[Summary], None]


@dataclass(frozen=True)
class _Activation:
    """A deferred variant that comes into view."""

    visit: Visit
    decision_id: str
    group: str
    shown: int


@dataclass(frozen=True)
class _Arrival:
    """One delivery of a reward."""

    decision_id: str
    reward_id: str
    value: float
    occurred_at: datetime
    attempt: int = 0


class Traffic:
    """Sends the traffic of one experiment until its rounds are done."""

    def __init__(
        self,
        client: BanditClient,
        place: World,
        habits: Habits,
        seed: int,
        pace: Pace,
    ) -> None:
        self._client = client
        self._pace = pace
        self._key = place.key
        self._fallback = baseline_variant(place)
        self._index_of = {action.key: n for n, action in enumerate(place.actions)}
        self._visitors = Visitors(place, habits, seed)
        self._queue: list[tuple[float, int, _Activation | _Arrival]] = []
        self._order = itertools.count()
        # Part of each request_id: a second run with the same seed would otherwise get
        # the answers of the first one.
        self._run_id = uuid.uuid4().hex[:12]
        self._failing_since_s: float | None = None
        self.tally = Tally(place.key)

    def run(
        self, rounds: int, rate_per_s: float | None, on_progress: Progress | None
    ) -> Summary:
        """Request `rounds` decisions, and send their activations and rewards.

        Raises:
            BanditClientError: every request failed for `GIVE_UP_AFTER_S`.
        """
        asked = 0
        next_ask_s = progress_s = self._pace.now_s()
        interval_s = 0.0 if rate_per_s is None else 1.0 / rate_per_s
        stopped = self._pace.wait(0.0)
        while not stopped and (asked < rounds or self._queue):
            now_s = self._pace.now_s()
            if on_progress is not None and now_s >= progress_s:
                progress_s = now_s + PROGRESS_EVERY_S
                on_progress(self.tally.summary())
            next_ask_s = max(next_ask_s, now_s - LARGEST_BACKLOG_S)
            if self._queue and self._queue[0][0] <= now_s:
                self._send(heapq.heappop(self._queue)[2])
                stopped = self._pace.wait(0.0)
            elif asked < rounds and next_ask_s <= now_s:
                self._ask(self._visitors.next_visit())
                asked += 1
                next_ask_s += interval_s
                stopped = self._pace.wait(0.0)
            else:
                due_s = [self._queue[0][0]] if self._queue else []
                due_s += [next_ask_s] if asked < rounds else []
                stopped = self._pace.wait(min(due_s) - now_s)
        if on_progress is not None:
            on_progress(self.tally.summary())
        return self.tally.summary()

    def _ask(self, visit: Visit) -> None:
        decision = self._client.decide(
            self._key,
            visit.unit_id,
            visit.context,
            request_id=f"{self._run_id}-{visit.index}",
            defer=visit.deferred,
            fallback=self._fallback,
        )
        self._note_outcome(decision.error)
        if decision.decision_id is None:
            self.tally.fallbacks += 1
            return
        self.tally.decisions += 1
        shown = self._index_of.get(decision.variant)
        if shown is None:
            # A variant that was added to the experiment by hand: the world has no
            # expected reward of it.
            return
        if visit.seen_after_s is None:
            self.tally.unseen += 1
            return
        activation = _Activation(
            visit, decision.decision_id, decision.group or "treatment", shown
        )
        if visit.deferred:
            self._queue_at(self._pace.now_s() + visit.seen_after_s, activation)
        else:
            self._see(activation)

    def _send(self, due: _Activation | _Arrival) -> None:
        if isinstance(due, _Arrival):
            self._deliver(due)
            return
        try:
            self._client.activate(due.decision_id, wait=True)
        except BanditClientError as error:
            self._note_outcome(error)
            self.tally.unseen += 1
            return
        self._see(due)

    def _see(self, activation: _Activation) -> None:
        """Count a decision that is seen, and queue the reward of an act."""
        visit = activation.visit
        self.tally.see(activation.group, visit.expected, activation.shown)
        value = float(visit.rewards[activation.shown])
        if value == 0.0:
            return
        if not visit.deliveries:
            self.tally.lost += 1
            return
        seen_s = self._pace.now_s()
        self.tally.rewards += 1
        for delivery in visit.deliveries:
            acted_s = seen_s + delivery.occurred_after_s
            arrival = _Arrival(
                activation.decision_id,
                f"{self._run_id}-{visit.index}",
                value,
                datetime.fromtimestamp(acted_s, UTC),
            )
            self._queue_at(seen_s + delivery.arrives_after_s, arrival)

    def _deliver(self, arrival: _Arrival) -> None:
        try:
            self._client.reward(
                arrival.decision_id,
                arrival.value,
                arrival.reward_id,
                arrival.occurred_at,
                wait=True,
            )
        except BanditClientError as error:
            self._note_outcome(error)
            self._try_again(arrival, error)
            return
        self._note_outcome(None)
        self.tally.deliveries += 1

    def _try_again(self, arrival: _Arrival, error: BanditClientError) -> None:
        """Queue a failed delivery again, unless the service refused it."""
        refused = error.status is not None and error.status < FIRST_SERVER_ERROR
        if refused or arrival.attempt == len(RETRY_AFTER_S):
            self.tally.undelivered += 1
            return
        again = replace(arrival, attempt=arrival.attempt + 1)
        self._queue_at(self._pace.now_s() + RETRY_AFTER_S[arrival.attempt], again)

    def _note_outcome(self, error: BanditClientError | None) -> None:
        now_s = self._pace.now_s()
        if error is None:
            self._failing_since_s = None
            return
        if self._failing_since_s is None:
            self._failing_since_s = now_s
        if now_s - self._failing_since_s >= GIVE_UP_AFTER_S:
            raise error

    def _queue_at(self, due_s: float, item: _Activation | _Arrival) -> None:
        heapq.heappush(self._queue, (due_s, next(self._order), item))


def ensure_experiment(
    client: BanditClient, place: World, window_s: float, **fields: object
) -> float:
    """Create the experiment of a world if it does not exist; return its reward window.

    Args:
        client: the client of the service.
        place: the world.
        window_s: the reward window of a new experiment, in seconds.
        fields: fields of a new experiment's definition that replace the world's.

    Raises:
        BanditClientError: the service can't be reached, or refused.
    """
    try:
        known = client.experiment(place.key)
    except BanditClientError as error:
        if error.status != NOT_FOUND:
            raise
        body = place.experiment() | fields
        body["reward"] |= {"window_seconds": window_s, "grace_seconds": 1.0}
        try:
            known = client.create_experiment(body)
        except BanditClientError as conflict:
            # Another simulation created it in the meantime.
            if conflict.status != CONFLICT:
                raise
            known = client.experiment(place.key)
    return float(known.get("reward", {}).get("window_seconds", window_s))


# The command has as many options.
def simulate(  # noqa: PLR0913
    world_name: str,
    url: str,
    rounds: int,
    seed: int,
    *,
    key: str | None = None,
    rate: float | None = None,
    window_s: float = DEFAULT_WINDOW_S,
    stop: threading.Event | None = None,
    on_progress: Progress | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Summary:
    """Send the visitors of a world to a running service.

    Creates the experiment if it does not exist. Returns when `rounds` decisions were
    requested and every reward was delivered, or soon after `stop` is set.

    Args:
        world_name: one of `simulators.worlds.registry.WORLDS`.
        key: a secret key, or None for a service started with `--dev`.
        rate: decisions a second; None for as fast as one connection allows.
        window_s: reward window of a new experiment, in seconds; delays are scaled to
            the window of the experiment.
        timeout_s: seconds that a request may take; longer than the client's default,
            because no user waits.

    Raises:
        UnknownWorldError: no world has this name.
        BanditClientError: the service can't be reached, refused, or stopped answering.
    """
    place = world(world_name)
    # What is measured is the service: it is asked however often it fails.
    with BanditClient(url, key, timeout_s=timeout_s, failures_to_open=0) as client:
        habits = habits_for(ensure_experiment(client, place, window_s))
        pace = RealPace(stop or threading.Event())
        traffic = Traffic(client, place, habits, seed, pace)
        return traffic.run(rounds, rate, on_progress)
