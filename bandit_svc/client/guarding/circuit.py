"""A circuit breaker: a service that keeps failing is left alone for a while.

Owns when a call may be made. Several failures in turn open the circuit; then calls fail
at once, without a wait. After a pause one caller probes the service: its success closes
the circuit, its failure doubles the pause.
"""

import threading
import time
from typing import Final, Literal

from ..errors import BanditClientError
from ..transport.deadline import Clock

FAILURES: Final = 5
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
FIRST_SERVER_ERROR: Final = 500

State = Literal["closed", "open", "half_open"]


class Circuit:
    """The circuit of one process to one service; safe to use from many threads.

    Args:
        failures: in turn, which open it; 0 keeps it closed for good.
        now_s: the clock.
    """

    def __init__(self, failures: int = FAILURES, now_s: Clock = time.monotonic) -> None:
        self._limit = failures
        self._now_s = now_s
        self._lock = threading.Lock()
        self._failures = 0
        self._pause_s = FIRST_PAUSE_S
        self._until_s = 0.0
        self._state: State = "closed"

    @property
    def state(self) -> State:
        """`closed`: calls go through; `open`: none does; `half_open`: one probes."""
        return self._state

    def passing(self) -> "Passing":
        """Return the block within which one call is made."""
        return Passing(self)

    def enter(self) -> None:
        """Let a call through.

        Raises:
            BanditClientError: the circuit is open.
        """
        if self._state == "closed":
            return
        with self._lock:
            left_s = self._until_s - self._now_s()
            is_probe = self._state == "open" and left_s <= 0
            if is_probe:
                self._state = "half_open"
        if is_probe:
            return
        raise BanditClientError(
            None,
            {
                "title": "The service was not asked",
                "detail": f"{self._failures} calls in turn had failed; one caller "
                f"tries again in {max(left_s, 0):.1f} s",
            },
            reason="circuit_open",
        )

    def succeed(self) -> None:
        """Note that the service has answered."""
        if self._failures == 0:
            return
        with self._lock:
            self._failures = 0
            self._pause_s = FIRST_PAUSE_S
            self._state = "closed"

    def fail(self, retry_after_s: float | None) -> None:
        """Note a failure; open the circuit if it is one too many.

        Args:
            retry_after_s: what the service asked to wait; None if it asked nothing.
        """
        with self._lock:
            self._failures += 1
            opens = self._state == "half_open" or (
                self._state == "closed" and 0 < self._limit <= self._failures
            )
            if not opens:
                return
            pause_s = max(self._pause_s, retry_after_s or 0.0)
            self._until_s = self._now_s() + min(pause_s, LONGEST_PAUSE_S)
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            self._state = "open"

    def leave(self) -> None:
        """Note that a call ended without a result; another caller may probe."""
        with self._lock:
            if self._state == "half_open":
                self._state = "open"


class Passing:
    """One call through a circuit, as a block whose error says how it went."""

    __slots__ = ("_circuit",)

    def __init__(self, circuit: Circuit) -> None:
        self._circuit = circuit

    def __enter__(self) -> None:
        self._circuit.enter()

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is None:
            self._circuit.succeed()
        elif not isinstance(error, BanditClientError):
            self._circuit.leave()
        elif (
            error.status is None
            or error.status >= FIRST_SERVER_ERROR
            or error.reason == "bad_answer"
        ):
            self._circuit.fail(error.retry_after_s)
        else:
            # A refusal is an answer: the service is there.
            self._circuit.succeed()
