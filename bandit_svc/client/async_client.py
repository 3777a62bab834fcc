"""The client for programs with an event loop.

Owns the same calls as `client`, without a thread for any decision. Reports go into the
same memory and the same thread, so that they outlive the loop.
"""

import asyncio
from collections.abc import Generator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Self, SupportsFloat

from .answers import encoded, read_decision, read_json, read_members
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

LOOK_S: Final = 0.01


class Kept:
    """The answer of a call that is done; may be awaited, and need not be."""

    def __await__(self) -> Generator[None, None, None]:
        """Return what ends at once."""
        yield from ()


_KEPT: Final = Kept()


class AsyncBanditClient:
    """`BanditClient` for asyncio; one instance serves all loops and tasks.

    `decide` is awaited and takes no thread (but for the look-up of a name, once a
    minute). `reward`, `track` and `activate` return at once, whether awaited or not.

    Args:
        url: where the service listens, "http://127.0.0.1:8080".
        key: as of `BanditClient`, like all that follow.
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

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Send what waits, for `exit_flush_s` at most, and close the connections."""
        await self.flush()
        runtime = self._processes.mine()
        runtime.notes.tell_all()
        await runtime.async_connections.close()
        runtime.connections.close()

    # The route has as many members; all but the first are optional and named.
    async def decide(  # noqa: PLR0913
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
        """Ask which variant to show, as `BanditClient.decide` does.

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
                answer = await runtime.ask_async(request, deadline)
                decision = read_decision(read_json(answer))
        # A page has its fallback, whatever went wrong; without one the error is told.
        except Exception as error:
            if fallback is None:
                raise
            return runtime.fall_back(asked, error)
        runtime.note_decision()
        return decision

    async def decide_batch(
        self, requests: Iterable[Mapping[str, Any]]
    ) -> list[Decision | BanditClientError]:
        """Ask for up to 1,000 decisions, as `BanditClient.decide_batch` does.

        Raises:
            BanditClientError: the batch as a whole was refused or not answered.
            TypeError: the requests are no list of objects.
        """
        bodies = [with_request_id(one) for one in batch_of("requests", requests)]
        deadline = Deadline(self._options.timeout_s)
        request = self._address.request(
            "POST", "/v1/decisions/batch", encoded({"decisions": bodies})
        )
        answer = await self._processes.mine().ask_async(request, deadline)
        return [
            read_decision(item)
            if "decision_id" in item
            else BanditClientError(item.get("status"), item)
            for item in read_members(read_json(answer), "decisions")
        ]

    def activate(self, decision_id: str | None) -> Kept:
        """Report that a deferred decision's variant was shown; repeating it is safe.

        Raises:
            TypeError: the id is no string.
        """
        if decision_id is not None:
            name = decision_id_of(decision_id)
            self._processes.mine().report("activations", name)
        return _KEPT

    def reward(
        self,
        decision_id: str | None,
        value: SupportsFloat,
        reward_id: str | None = None,
        occurred_at: datetime | None = None,
        metric: str = "reward",
    ) -> Kept:
        """Report a reward, as `BanditClient.reward` does.

        Raises:
            TypeError: an argument is of another type than it has to be.
            ValueError: `occurred_at` has no time zone.
        """
        if decision_id is not None:
            body = reward_body(decision_id, value, reward_id, occurred_at, metric)
            dated = occurred_at is None
            self._processes.mine().report("rewards", body, dated=dated)
        return _KEPT

    # The route has as many members.
    def track(
        self,
        event: str,
        unit_id: str,
        *,
        value: SupportsFloat | None = None,
        properties: Mapping[str, Any] | None = None,
        event_id: str | None = None,
        decision_id: str | None = None,
        occurred_at: datetime | None = None,
    ) -> Kept:
        """Report what a unit did, as `BanditClient.track` does.

        Raises:
            TypeError: an argument is of another type than it has to be.
            ValueError: `occurred_at` has no time zone.
        """
        body = event_body(
            event, unit_id, value, properties, event_id, decision_id, occurred_at
        )
        self._processes.mine().report("events", body, dated=occurred_at is None)
        return _KEPT

    async def flush(self, timeout_s: float | None = None) -> bool:
        """Send what waits now; return whether nothing is left.

        Args:
            timeout_s: after which it returns in any case; `exit_flush_s` by default.
        """
        limit_s = self._options.exit_flush_s if timeout_s is None else timeout_s
        outbox = self._processes.mine().outbox
        if outbox.waiting:
            outbox.hurry()
            try:
                async with asyncio.timeout(limit_s):
                    # A thread empties it, which knows nothing of this loop.
                    while outbox.waiting:  # noqa: ASYNC110
                        await asyncio.sleep(LOOK_S)
            except TimeoutError:
                return False
            finally:
                outbox.relax()
        return True

    def stats(self) -> Stats:
        """Return what this process has counted: decisions, fallbacks, reports."""
        return self._processes.mine().stats()
