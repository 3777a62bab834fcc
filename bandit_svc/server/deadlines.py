"""How long a client may take, and when a worker sheds requests.

Owns the rules alone; the clock is its callers'.
"""

from enum import Enum, auto
from typing import NamedTuple

from bandit_svc.settings import Settings

TURN_S = 0.05
"""A request that was reached so late in its turn of the loop may be shed."""
OVERLOADED_AFTER_S = 1.0
"""Turns must have been too long for this while: one long turn is no overload."""
FORGET_AFTER_S = 0.5
"""After this while without a turn that was too long, the overload is over."""
ANSWERING_S = 30.0


class Stage(Enum):
    """What a connection waits for."""

    SILENT = auto()
    """Its first byte."""
    HEAD = auto()
    """The rest of a request's head."""
    BODY = auto()
    """The rest of a request's body."""
    ANSWER = auto()
    """Our answer."""
    IDLE = auto()
    """The next request."""


class Patience(NamedTuple):
    """Seconds that each stage may last; our own answer may take any time."""

    head_s: float
    body_s: float
    idle_s: float

    @classmethod
    def of(cls, settings: Settings) -> "Patience":
        """Return that of the settings."""
        return cls(
            settings.head_timeout_s, settings.body_timeout_s, settings.idle_timeout_s
        )

    def left_s(self, stage: Stage, lasted_s: float) -> float:
        """Return how long a stage that has lasted so long may go on."""
        match stage:
            case Stage.SILENT | Stage.HEAD:
                return self.head_s - lasted_s
            case Stage.BODY:
                return self.body_s - lasted_s
            case Stage.IDLE:
                return self.idle_s - lasted_s
            case Stage.ANSWER:
                return ANSWERING_S


class Shedding:
    """Tells which requests an overloaded worker refuses, by their age.

    What waits in a worker waits for its turn of the loop. While turns are too long, one
    after the other, the requests that come early in a turn are answered and the others
    refused, which costs less: so those that are answered are answered in time.
    """

    def __init__(self) -> None:
        self._first_s = 0.0
        self._last_s = float("-inf")

    def is_due(self, held_s: float, now_s: float) -> bool:
        """Return whether to refuse a request.

        Args:
            held_s: since its turn began.
            now_s: of a clock that never goes back.
        """
        if held_s < TURN_S:
            return False
        if now_s - self._last_s > FORGET_AFTER_S:
            self._first_s = now_s
        self._last_s = now_s
        return now_s - self._first_s >= OVERLOADED_AFTER_S
