"""The service's routes as methods.

Owns the names of routes and members. A decision is one request within one deadline;
what is reported waits in memory and is sent in the background.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Self, SupportsFloat
from urllib.parse import quote

from .answers import encoded, read_decision, read_json, read_members, read_object
from .bodies import (
    batch_of,
    decision_id_of,
    event_body,
    question,
    reward_body,
    with_request_id,
)
from .decision import Decision
from .errors import BanditClientError
from .guarding.circuit import FAILURES
from .runtime import Options, Processes, Stats
from .transport.address import Address
from .transport.deadline import Deadline

Json = dict[str, Any]


class BanditClient:
    """Talks to one service; one instance serves all threads, and forked processes.

    A failure of the service never reaches a page: `decide` with a `fallback` returns
    within `timeout_s`, and `reward`, `track` and `activate` return at once. Failures
    are counted (`stats`) and logged once a minute with their reason, by the logger
    `bandit_client`.

    Args:
        url: where the service listens, "http://127.0.0.1:8080".
        key: a publishable key is enough for decisions and rewards; None for a
            service that was started with `--dev`.
        timeout_s: seconds that a call may take, whatever it waits for: the name, the
            connection, each piece of the answer, and one repetition.
        flush_interval_s: seconds for which reports wait to be sent together.
        exit_flush_s: seconds that `close` and the end of the program may take to send
            what waits.
        most_waiting: reports that may wait; one more is lost, and counted.
        failures_to_open: failures in turn after which the service is not asked for a
            while (1 s, then up to 30 s) but by one caller; 0 asks it always.

    Raises:
        TypeError: an argument is of another type than it has to be.
        ValueError: the url or the key can't be used, or a number is out of its range.
    """

    # Each has a default, and is named.
    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout_s: float = 2.0,
        flush_interval_s: float = 0.2,
        exit_flush_s: float = 5.0,
        most_waiting: int = 100_000,
        failures_to_open: int = FAILURES,
    ) -> None:
        self._address = Address(url, key)
        self._options = Options(
            timeout_s, flush_interval_s, exit_flush_s, most_waiting, failures_to_open
        )
        self._processes = Processes(self._address, self._options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Send what waits, for `exit_flush_s` at most, and close the connections.

        The client can be used again; what could not be sent is still tried.
        """
        runtime = self._processes.mine()
        self.flush()
        runtime.notes.tell_all()
        runtime.connections.close()

    # The route has as many members; all but the first are optional and named.
    def decide(  # noqa: PLR0913
        self,
        experiment: str,
        unit_id: str | None = None,
        context: Mapping[str, Any] | None = None,
        *,
        exclude: Iterable[str] = (),
        variants: Sequence[str | Mapping[str, Any]] | None = None,
        request_id: str | None = None,
        defer: bool = False,
        fallback: str | None = None,
        slots: int | None = None,
        pinned: Mapping[int, str] | None = None,
        distinct_by: str | None = None,
    ) -> Decision:
        """Ask which variant to show, or one for each slot of a page.

        Args:
            unit_id: user, session or device; keeps its group for good.
            exclude: variants that must not be chosen this time.
            variants: narrows or replaces the experiment's list, if it allows that.
            request_id: makes a retry return the first answer; by default a new
                one, for the client's own retry.
            defer: the decision counts only after `activate`.
            fallback: the variant to show when no decision can be had; then the
                call never fails, and the decision has no `decision_id`.
            slots: how many places of a page to fill; the decision has `slots` then.
            pinned: variants by the numbers of their slots, from 1.
            distinct_by: path of what no two slots may share: `features.NAME` or
                `payload.NAME`.

        Raises:
            BanditClientError: no decision, and no `fallback` was given.
            TypeError: an argument is of another type than it has to be.
        """
        deadline = Deadline(self._options.timeout_s)
        asked = question(
            experiment,
            unit_id,
            context,
            exclude=exclude,
            variants=variants,
            request_id=request_id,
            defer=defer,
            fallback=fallback,
            slots=slots,
            pinned=pinned,
            distinct_by=distinct_by,
        )
        runtime = self._processes.mine()
        try:
            request = self._address.request(
                "POST", "/v1/decisions", encoded(asked.body)
            )
            with runtime.circuit.passing():
                answer = runtime.ask(request, deadline, repeatable=True)
                decision = read_decision(read_json(answer))
        # A page has its fallback, whatever went wrong; without one the error is told.
        except Exception as error:
            if fallback is None:
                raise
            return runtime.fall_back(asked, error)
        runtime.note_decision()
        return decision

    def decide_batch(
        self, requests: Iterable[Mapping[str, Any]]
    ) -> list[Decision | BanditClientError]:
        """Ask for up to 1,000 decisions; each answer is a decision or its error.

        Args:
            requests: bodies of single decision requests; a missing `request_id`
                is filled in.

        Raises:
            BanditClientError: the batch as a whole was refused or not answered.
            TypeError: the requests are no list of objects.
        """
        bodies = [with_request_id(one) for one in batch_of("requests", requests)]
        answer = self._call("POST", "/v1/decisions/batch", {"decisions": bodies})
        return [
            read_decision(item)
            if "decision_id" in item
            else BanditClientError(item.get("status"), item)
            for item in read_members(answer, "decisions")
        ]

    def activate(self, decision_id: str | None, *, wait: bool = False) -> None:
        """Report that a deferred decision's variant was shown; repeating it is safe.

        Does nothing for None, the id of a fallback decision.

        Args:
            wait: send it now, and raise what it fails with.

        Raises:
            BanditClientError: it was refused or not made durable; only with `wait`.
            TypeError: the id is no string.
        """
        if decision_id is None:
            return
        name = decision_id_of(decision_id)
        if wait:
            self._call("POST", f"/v1/decisions/{quote(name, safe='')}/activate")
        else:
            self._processes.mine().report("activations", name)

    # The route has as many members.
    def reward(
        self,
        decision_id: str | None,
        value: SupportsFloat,
        reward_id: str | None = None,
        occurred_at: datetime | None = None,
        metric: str = "reward",
        *,
        wait: bool = False,
    ) -> None:
        """Report a reward; repeating it with the same id is safe.

        It is sent in the background, and again for up to an hour until the service
        has taken it. Does nothing for a `decision_id` of None, that of a fallback.

        Args:
            value: within the experiment's reward range; higher is better.
            reward_id: by default one per decision and metric.
            occurred_at: when the user acted, with a time zone; by default now.
            metric: another name than "reward" is reported and not learned from.
            wait: send it now, and raise what it fails with.

        Raises:
            BanditClientError: it was refused or not made durable; only with `wait`.
            TypeError: an argument is of another type than it has to be.
            ValueError: `occurred_at` has no time zone.
        """
        if decision_id is None:
            return
        body = reward_body(decision_id, value, reward_id, occurred_at, metric)
        if wait:
            self._call("POST", "/v1/rewards", body)
        else:
            dated = occurred_at is None
            self._processes.mine().report("rewards", body, dated=dated)

    # The route has as many members.
    def track(  # noqa: PLR0913
        self,
        event: str,
        unit_id: str,
        *,
        value: SupportsFloat | None = None,
        properties: Mapping[str, Any] | None = None,
        event_id: str | None = None,
        decision_id: str | None = None,
        occurred_at: datetime | None = None,
        wait: bool = False,
    ) -> None:
        """Report what a unit did; repeating it with the same `event_id` is safe.

        It is sent as `reward` is.

        Args:
            event: what it did, such as "viewed".
            unit_id: who did it.
            value: of the event, where it has one.
            properties: what else is known of it; at most 4 kB.
            event_id: by default a new one.
            decision_id: the decision that the event is a reward of.
            occurred_at: when it did, with a time zone; by default now.
            wait: send it now, and raise what it fails with.

        Raises:
            BanditClientError: it was refused or not made durable; only with `wait`.
            TypeError: an argument is of another type than it has to be.
            ValueError: `occurred_at` has no time zone.
        """
        body = event_body(
            event, unit_id, value, properties, event_id, decision_id, occurred_at
        )
        if wait:
            self._call("POST", "/v1/events", body)
        else:
            dated = occurred_at is None
            self._processes.mine().report("events", body, dated=dated)

    def flush(self, timeout_s: float | None = None) -> bool:
        """Send what waits now; return whether nothing is left.

        Args:
            timeout_s: after which it returns in any case; `exit_flush_s` by default.
        """
        limit_s = self._options.exit_flush_s if timeout_s is None else timeout_s
        return self._processes.mine().outbox.flush(limit_s)

    def stats(self) -> Stats:
        """Return what this process has counted: decisions, fallbacks, reports."""
        return self._processes.mine().stats()

    def reward_batch(self, rewards: Iterable[Mapping[str, Any]]) -> Json:
        """Report up to 1,000 rewards at once; return one result a reward.

        Args:
            rewards: bodies of single reward requests.

        Raises:
            BanditClientError: the batch as a whole was refused or not answered.
            TypeError: the rewards are no list of objects.
        """
        body = {"rewards": batch_of("rewards", rewards)}
        return read_object(self._call("POST", "/v1/rewards/batch", body))

    def create_experiment(self, definition: Mapping[str, Any]) -> Json:
        """Create an experiment; return it with the service's defaults filled in."""
        answer = self._call(
            "POST", "/v1/experiments", dict(definition), repeatable=False
        )
        return read_object(answer)

    def experiment(self, key: str) -> Json:
        """Return an experiment's definition and status."""
        return read_object(self._call("GET", _path_of(key)))

    def patch_experiment(self, key: str, changes: Mapping[str, Any]) -> Json:
        """Change an experiment; return its new revision."""
        answer = self._call("PATCH", _path_of(key), dict(changes), repeatable=False)
        return read_object(answer)

    def report(self, key: str) -> Json:
        """Return an experiment's report: groups, uplift, variants, health."""
        return read_object(self._call("GET", f"{_path_of(key)}/report"))

    def ready(self) -> bool:
        """Return whether the service is up and can decide durably; never raise."""
        try:
            self._call("GET", "/readyz")
        except BanditClientError as error:
            # A 2xx that isn't JSON still says that the service is ready.
            return error.status is not None and error.status < 300  # noqa: PLR2004
        return True

    def _call(
        self, method: str, path: str, body: object = None, *, repeatable: bool = True
    ) -> Any:  # noqa: ANN401 - JSON has no narrower type
        deadline = Deadline(self._options.timeout_s)
        data = None if body is None else encoded(body)
        request = self._address.request(method, path, data)
        runtime = self._processes.mine()
        return read_json(runtime.ask(request, deadline, repeatable=repeatable))


def _path_of(key: str) -> str:
    return f"/v1/experiments/{quote(key, safe='')}"
