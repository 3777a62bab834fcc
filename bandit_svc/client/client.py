"""The service's routes as methods.

Owns the names of routes and members. Every call is one request; nothing is
queued, cached or sent in the background.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Self
from urllib.parse import quote

from .connection import Connection
from .decision import Decision
from .errors import BanditClientError, no_answer

Json = dict[str, Any]


class BanditClient:
    """Talks to one service; one instance serves all threads of a process.

    Args:
        url: where the service listens, "http://127.0.0.1:8080".
        key: a publishable key is enough for decisions and rewards; None for a
            service that was started with `--dev`.
        timeout_s: how long a request may wait for the service at each step. The
            service answers within milliseconds, so a short limit with a
            `fallback` keeps a page fast whatever happens.
    """

    def __init__(
        self, url: str, key: str | None = None, *, timeout_s: float = 2.0
    ) -> None:
        self._connection = Connection(url, key, timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the calling thread's connection."""
        self._connection.close()

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
                call never raises, and the decision has no `decision_id`.
            slots: how many places of a page to fill; the decision has `slots` then.
            pinned: variants by the numbers of their slots, from 1.
            distinct_by: path of what no two slots may share: `features.NAME` or
                `payload.NAME`.

        Raises:
            BanditClientError: no decision, and no `fallback` was given.
        """
        request: Json = {"experiment": experiment, "request_id": request_id}
        request |= {"unit_id": unit_id, "exclude": list(exclude) or None}
        request |= {"variants": None if variants is None else list(variants)}
        request |= {"context": context, "defer": defer or None}
        pins = {f"{slot}": key for slot, key in (pinned or {}).items()}
        request |= {"slots": slots, "pinned": pins or None, "distinct_by": distinct_by}
        try:
            answer = self._connection.send(
                "POST", "/v1/decisions", _with_request_id(_given(request))
            )
            return _read_decision(answer)
        except BanditClientError as error:
            if fallback is None:
                raise
            return Decision(experiment=experiment, variant=fallback, error=error)

    def decide_batch(
        self, requests: Iterable[Mapping[str, Any]]
    ) -> list[Decision | BanditClientError]:
        """Ask for up to 1,000 decisions; each answer is a decision or its error.

        Args:
            requests: bodies of single decision requests; a missing `request_id`
                is filled in.

        Raises:
            BanditClientError: the batch as a whole was refused or not answered.
        """
        body = {"decisions": [_with_request_id(request) for request in requests]}
        answer = self._connection.send("POST", "/v1/decisions/batch", body)
        return [
            _read_decision(item)
            if "decision_id" in item
            else BanditClientError(item.get("status"), item)
            for item in _members(answer, "decisions")
        ]

    def activate(self, decision_id: str | None) -> None:
        """Report that a deferred decision's variant was shown; repeating it is safe.

        Does nothing for None, the id of a fallback decision.
        """
        if decision_id is not None:
            path = f"/v1/decisions/{quote(decision_id, safe='')}/activate"
            self._connection.send("POST", path)

    def reward(
        self,
        decision_id: str | None,
        value: float,
        reward_id: str | None = None,
        occurred_at: datetime | None = None,
        metric: str = "reward",
    ) -> None:
        """Report a reward; repeating it with the same id is safe.

        Does nothing for a `decision_id` of None, that of a fallback decision.

        Args:
            value: within the experiment's reward range; higher is better.
            reward_id: by default one per decision and metric.
            occurred_at: when the user acted, with a time zone; by default now.
            metric: another name than "reward" is reported and not learned from.

        Raises:
            BanditClientError: the reward was refused, or not made durable.
            ValueError: `occurred_at` has no time zone.
        """
        if decision_id is None:
            return
        if occurred_at is not None and occurred_at.tzinfo is None:
            raise ValueError("occurred_at has no time zone; give an aware datetime")
        reward: Json = {"decision_id": decision_id, "value": value, "metric": metric}
        reward |= {"reward_id": reward_id}
        reward |= {"occurred_at": occurred_at.isoformat() if occurred_at else None}
        self._connection.send("POST", "/v1/rewards", _given(reward))

    def reward_batch(self, rewards: Iterable[Mapping[str, Any]]) -> Json:
        """Report up to 1,000 rewards; give the answer, one result a reward.

        Args:
            rewards: bodies of single reward requests.
        """
        body = {"rewards": [dict(reward) for reward in rewards]}
        return _object(self._connection.send("POST", "/v1/rewards/batch", body))

    def create_experiment(self, definition: Mapping[str, Any]) -> Json:
        """Create an experiment; give it with the service's defaults filled in."""
        answer = self._connection.send(
            "POST", "/v1/experiments", dict(definition), repeatable=False
        )
        return _object(answer)

    def experiment(self, key: str) -> Json:
        """Return an experiment's definition and status."""
        return _object(self._connection.send("GET", _path_of(key)))

    def patch_experiment(self, key: str, changes: Mapping[str, Any]) -> Json:
        """Change an experiment; give its new revision."""
        answer = self._connection.send(
            "PATCH", _path_of(key), dict(changes), repeatable=False
        )
        return _object(answer)

    def report(self, key: str) -> Json:
        """Return an experiment's report: groups, uplift, variants, health."""
        return _object(self._connection.send("GET", f"{_path_of(key)}/report"))

    def ready(self) -> bool:
        """Return whether the service is up and can decide durably; never raise."""
        try:
            self._connection.send("GET", "/readyz")
        except BanditClientError as error:
            # A 2xx that isn't JSON still says that the service is ready.
            return error.status is not None and error.status < 300  # noqa: PLR2004
        return True


def _path_of(key: str) -> str:
    return f"/v1/experiments/{quote(key, safe='')}"


def _given(members: Json) -> Json:
    """Leave out what the caller did not give."""
    return {name: value for name, value in members.items() if value is not None}


def _with_request_id(request: Mapping[str, Any]) -> Json:
    return {"request_id": uuid.uuid4().hex, **request}


def _read_decision(answer: object) -> Decision:
    try:
        return Decision.from_answer(_object(answer))
    except (KeyError, TypeError, ValueError) as error:
        raise no_answer("The answer is not a decision", repr(error)) from error


def _members(answer: object, name: str) -> list[Json]:
    members = _object(answer).get(name)
    if not isinstance(members, list):
        raise no_answer("The answer is not a batch", f"it has no list of {name}")
    return members


def _object(answer: object) -> Json:
    if not isinstance(answer, dict):
        raise no_answer("The answer is not a JSON object", type(answer).__name__)
    return answer
