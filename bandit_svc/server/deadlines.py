"""How long a client may take, and when a worker sheds requests.

Owns the rules alone; the clock is its callers'.
"""

from enum import Enum, auto
from typing import NamedTuple

from bandit_svc.settings import Settings

LONG_TURN_S = 0.015
LONG_TURN_ASKED = 128
"""A turn of the loop with so many requests that lasts so long is a sign of overload."""
OVERLOADED_AFTER_S = 0.25
"""Turns must have been long for this while, one after the other."""
LEAST_TURNS = 3
"""And so many of them: one that hangs is no overload."""
IN_TIME_S = 0.004
LEAST_ANSWERED = 16
"""What an overloaded worker reaches later in a turn, behind so many, is refused."""
FORGET_AFTER_S = 0.5
"""After this while without a request that came too late, the overload is over."""
HOLD_BACK_S = 0.25
"""An overloaded worker reads nothing for this while from whom it has refused."""
STALE_S = 0.05
"""What comes so soon after that was sent meanwhile, and is refused unread."""
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

    What waits in a worker waits for its turn of the loop. A worker is overloaded when
    one turn after the other is long, so that what waits does not get less. Then the
    requests that come early in a turn are answered and the others refused, which costs
    less: those that are answered are answered in time.
    """

    def __init__(self) -> None:
        self._began_s = self._last_s = 0.0
        self._asked = 0
        """Requests that were reached in this turn; 0 between two turns."""
        self._row_began_s = 0.0
        self._turns = 0
        """Of the row of long turns that is going on."""
        self._is_overloaded = False
        self._late_s = 0.0

    @property
    def is_in_turn(self) -> bool:
        """Return whether a request was reached since the last turn ended."""
        return self._asked > 0

    def end_turn(self) -> None:
        """Begin a new turn with the next request."""
        if self._is_long(self._last_s):
            self._turns += 1
        else:
            self._turns = 0
        self._asked = 0

    def is_due(self, now_s: float) -> bool:
        """Return whether to refuse a request.

        Args:
            now_s: of a clock that never goes back.
        """
        if not self._asked:
            self._began_s = now_s
            if not self._turns:
                self._row_began_s = now_s
        self._last_s = now_s
        self._asked += 1
        if self._is_overloaded:
            if now_s - self._began_s >= IN_TIME_S and self._asked > LEAST_ANSWERED:
                self._late_s = now_s
                return True
            self._is_overloaded = now_s - self._late_s <= FORGET_AFTER_S
            return False
        if self._turns < LEAST_TURNS or not self._is_long(now_s):
            return False
        self._is_overloaded = now_s - self._row_began_s >= OVERLOADED_AFTER_S
        self._late_s = now_s
        return self._is_overloaded

    def _is_long(self, now_s: float) -> bool:
        """Return whether this turn is long by now."""
        return now_s - self._began_s >= LONG_TURN_S and self._asked >= LONG_TURN_ASKED
