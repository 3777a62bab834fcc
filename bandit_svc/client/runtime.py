"""What one process keeps for one client: connections, circuit, waiting reports, counts.

Owns its life: made by the first call of a process, so that a forked one has its own and
never touches its parent's; sent off when the process ends.
"""

import atexit
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from weakref import WeakSet

from .answers import encoded, failure_of, read_json
from .bodies import Question
from .decision import Decision
from .errors import BanditClientError
from .guarding.circuit import FAILURES, Circuit, State
from .guarding.minute_log import MinuteLog
from .reporting.lane import Lane
from .reporting.outbox import Answer, Outbox
from .transport.address import Address
from .transport.async_connection import AsyncConnections
from .transport.connection import Connections
from .transport.deadline import Deadline
from .transport.names import Names
from .transport.response import BadResponseError, Response

REPORT_TIMEOUT_S: Final = 10.0
"""Seconds for one batch of reports; nobody waits for it."""
LONGEST_NAME: Final = 80


@dataclass(frozen=True)
class Options:
    """How a client behaves; `BanditClient` says what each means."""

    timeout_s: float = 2.0
    flush_interval_s: float = 0.2
    exit_flush_s: float = 5.0
    most_waiting: int = 100_000
    failures_to_open: int = FAILURES

    def __post_init__(self) -> None:
        """Refuse what is no such number.

        Raises:
            TypeError: a value is no number.
            ValueError: it is out of its range.
        """
        for name, value in vars(self).items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"{name} is a {type(value).__name__}, not a number")
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name} is {value}; it must be at least 0")
        if self.timeout_s == 0:
            raise ValueError("timeout_s is 0; it must be above 0 seconds")


@dataclass(frozen=True)
class Stats:
    """Counts of this process since its first call.

    Attributes:
        decisions: that the service made.
        fallbacks: decisions that showed the fallback, by reason.
        waiting: reports that wait or are being sent.
        delivered: reports that the service has taken.
        repeated: reports that were sent and had to wait for another attempt.
        dropped: reports that are lost, by reason: `full`, `expired`, `refused`,
            `invalid`, `exit`.
        circuit: `closed`, `open` or `half_open`.
    """

    decisions: int
    fallbacks: Mapping[str, int]
    waiting: int
    delivered: int
    repeated: int
    dropped: Mapping[str, int]
    circuit: State


class Runtime:
    """One client in one process; safe to use from many threads."""

    def __init__(self, address: Address, options: Options) -> None:
        self.pid = os.getpid()
        self.address = address
        self.options = options
        names = Names(address.host, address.port)
        self.connections = Connections(address, names)
        self.async_connections = AsyncConnections(address, names)
        self.circuit = Circuit(options.failures_to_open)
        self.notes = MinuteLog()
        self.outbox = Outbox(
            (
                Lane("rewards", "/v1/rewards/batch", "rewards", "rewards"),
                Lane("events", "/v1/events/batch", "events", "events"),
                Lane(
                    *("activations", "/v1/activations/batch"),
                    *("decision_ids", "activations"),
                ),
            ),
            self._post,
            self.notes,
            interval_s=options.flush_interval_s,
            most_waiting=options.most_waiting,
        )
        self._lock = threading.Lock()
        self._decided = 0
        self._fallbacks: Counter[str] = Counter()
        _RUNTIMES.add(self)

    def ask(self, request: bytes, deadline: Deadline, *, repeatable: bool) -> Response:
        """Send a request and return its answer.

        Raises:
            BanditClientError: there is none.
        """
        try:
            return self.connections.exchange(request, deadline, repeatable=repeatable)
        except (OSError, BadResponseError) as error:
            raise failure_of(error, deadline.limit_s) from error

    async def ask_async(self, request: bytes, deadline: Deadline) -> Response:
        """Send a request that may be repeated and return its answer.

        Raises:
            BanditClientError: there is none.
        """
        try:
            return await self.async_connections.exchange(request, deadline)
        except (OSError, BadResponseError) as error:
            raise failure_of(error, deadline.limit_s) from error

    def note_decision(self) -> None:
        """Count a decision of the service."""
        with self._lock:
            self._decided += 1
        self.notes.tell_due()

    def fall_back(self, question: Question, error: Exception) -> Decision:
        """Return the fallback of a question, counted and told by its reason."""
        why = failure_of(error, self.options.timeout_s)
        with self._lock:
            self._fallbacks[why.reason] += 1
        experiment = question.experiment[:LONGEST_NAME]
        self.notes.note(
            f"decision {experiment} {why.reason}",
            lambda n: (
                f"{experiment!r} showed its fallback {n} time(s) "
                f"({why.reason}, {self.address.shown}): {why.sentence}"
            ),
        )
        # Its callers see to it that there is a fallback.
        return Decision(experiment, question.fallback or "", error=why)

    def report(self, name: str, item: object, *, dated: bool = False) -> None:
        """Keep a report until it is sent; one that JSON can't hold is counted as lost.

        Args:
            name: of its lane.
            item: of the batch.
            dated: the time of this call is said in it if it has to wait.
        """
        try:
            text = encoded(item)
        except BanditClientError as error:
            self.outbox.drop(name, "invalid", error.sentence)
        else:
            self.outbox.add(name, text, dated=dated)

    def stats(self) -> Stats:
        """Return the counts."""
        with self._lock:
            fallbacks, decided = dict(self._fallbacks), self._decided
        outbox = self.outbox
        return Stats(
            *(decided, fallbacks, outbox.waiting, outbox.delivered, outbox.repeated),
            dropped=dict(outbox.dropped),
            circuit=self.circuit.state,
        )

    def _post(self, path: str, body: bytes) -> Answer:
        request = self.address.request("POST", path, body)
        deadline = Deadline(REPORT_TIMEOUT_S)
        answer = self.ask(request, deadline, repeatable=True)
        return read_json(answer), answer.headers.get("date")


class Processes:
    """The runtimes of one client, one for each process that uses it."""

    def __init__(self, address: Address, options: Options) -> None:
        self._address, self._options = address, options
        self._made: dict[int, Runtime] = {}

    def mine(self) -> Runtime:
        """Return that of this process."""
        found = self._made.get(os.getpid())
        return self._first() if found is None else found

    def _first(self) -> Runtime:
        pid = os.getpid()
        # Of two threads that come first at once, one keeps what both will use.
        found = self._made.setdefault(pid, Runtime(self._address, self._options))
        for other in [known for known in list(self._made) if known != pid]:
            parents = self._made.pop(other, None)
            if parents is not None:
                # What it waits to send is its process's own to send.
                parents.connections.abandon()
                _INHERITED.append(parents.async_connections)
        _send_at_end_of_child()
        return found


_RUNTIMES: WeakSet[Runtime] = WeakSet()
_INHERITED: list[AsyncConnections] = []
"""Streams of a parent's loop, kept and never used: closing them here would take them
out of the parent's loop, which shares its selector with this process."""


def _send_at_end() -> None:
    """Send what waits, of all clients at once, for as long as each may take."""
    begun_s = time.monotonic()
    mine = [one for one in list(_RUNTIMES) if one.pid == os.getpid()]
    for one in mine:
        one.outbox.hurry()
    for one in sorted(mine, key=lambda one: one.options.exit_flush_s):
        left_s = begun_s + one.options.exit_flush_s - time.monotonic()
        one.outbox.flush(max(left_s, 0.0))
        one.outbox.give_up()


def _send_at_end_of_child() -> None:
    """Let a process of `multiprocessing`, which runs no `atexit`, send what waits."""
    process = sys.modules.get("multiprocessing.process")
    ends = sys.modules.get("multiprocessing.util")
    if process is None or ends is None or process.parent_process() is None:
        return
    ends.Finalize(None, _send_at_end, exitpriority=0)


atexit.register(_send_at_end)
