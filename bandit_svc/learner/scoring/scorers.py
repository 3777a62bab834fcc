"""The processes that score candidates for one learner.

Owns how many there are, their start, their end, which experiment is whose, and what is
sent between them and the learner. One that was killed, that failed or that hangs is
started again and goes on from the store. They are in the learner's own process group,
and end with it.
"""

import itertools
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from bandit_svc.learner.scoring.messages import (
    Ask,
    Channel,
    ChannelClosed,
    Forget,
    Message,
    Told,
)
from bandit_svc.learner.scoring.scored import ScoredElsewhere
from bandit_svc.settings import Settings
from bandit_svc.storage.joined.joins import JoinedOrder

SILENT_S: Final = 30.0
"""A scorer with work that says nothing for so long is killed, and started again."""
START_S: Final = 120.0
"""The same until its first message, since it loads its code before."""
PAUSES_S: Final = (0.0, 0.5, 1.0, 2.0, 5.0)
"""Before the next start after so many deaths in a row; then always the last."""
WELL_AFTER_S: Final = 5.0
STOP_S: Final = 5.0
# A scorer has no metrics of its own.
_METRICS_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"

_log = logging.getLogger(__name__)


class Scorer:
    """One process, started when it is first needed.

    Attributes:
        name: for messages.
        scored: its experiments, by number.
    """

    def __init__(self, name: str, environment: Mapping[str, str]) -> None:
        self.name = name
        self._environment = environment
        self.scored: dict[int, ScoredElsewhere] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._started_s = self._heard_s = self._due_s = 0.0
        self._deaths = 0
        self._spoke = False

    @property
    def runs(self) -> bool:
        """True while there is a process."""
        return self._process is not None

    @property
    def is_down(self) -> bool:
        """True while it is to be started again."""
        return self._process is None and self._deaths > 0

    def start(self) -> bool:
        """Start its process, if it is due; return whether there is one."""
        now_s = time.monotonic()
        if self._process is None and now_s >= self._due_s:
            self._started_s = self._heard_s = now_s
            self._spoke = False
            self._process, self._channel = _started(self._environment)
            _log.info("%s started (pid %d)", self.name, self._process.pid)
        return self._process is not None

    def send(self, message: Message) -> None:
        """Send a message, if there is a process; its death is seen by `listen`."""
        if self._channel is not None:
            with suppress(ChannelClosed):
                self._channel.send(message)

    def listen(self) -> None:
        """Take note of what it has said; end it where it hangs."""
        if self._channel is None:
            return
        try:
            found = self._channel.received()
            self._channel.flush()
        except ChannelClosed:
            self._note_death()
            return
        for message in found:
            if isinstance(message, Told) and message.number in self.scored:
                self.scored[message.number].told(message)
        self._spoke = self._spoke or bool(found)
        if found or not any(one.waits for one in self.scored.values()):
            self._heard_s = time.monotonic()
        self._end_if_silent()

    def _end_if_silent(self) -> None:
        silent_s = time.monotonic() - self._heard_s
        if self._process is None or silent_s <= (SILENT_S if self._spoke else START_S):
            return
        _log.error(
            "%s (pid %d) has work and has said nothing for %.0f s: it is killed",
            self.name,
            self._process.pid,
            silent_s,
        )
        # Its end is seen by its channel.
        self._process.kill()
        self._heard_s = time.monotonic()

    def stop(self) -> None:
        """End its process, by force if it does not end by itself."""
        if self._process is None or self._channel is None:
            return
        self._process.terminate()
        self._channel.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            _log.warning("%s is killed", self.name)
            self._process.kill()
            self._process.wait()
        self._process = self._channel = None

    def _note_death(self) -> None:
        if self._process is None or self._channel is None:
            return
        self._channel.close()
        # It has closed its end, or lost it: whatever it is, it is of no more use.
        self._process.kill()
        status = self._process.wait()
        now_s = time.monotonic()
        well = now_s - self._started_s >= WELL_AFTER_S
        self._deaths = 1 if well else self._deaths + 1
        pause_s = PAUSES_S[min(self._deaths, len(PAUSES_S)) - 1]
        self._due_s = now_s + pause_s
        _log.warning(
            "%s (pid %d) ended with %d; next start in %.1f s",
            self.name,
            self._process.pid,
            status,
            pause_s,
        )
        self._process = self._channel = None
        for scored in self.scored.values():
            scored.begin_anew()


class Scorers:
    """All scorers of a learner. Not thread-safe."""

    def __init__(self, settings: Settings) -> None:
        """Start none; each starts with the first experiment that it gets.

        Args:
            settings: of the learner, which say how many there are.
        """
        inherited = {k: v for k, v in os.environ.items() if k != _METRICS_VARIABLE}
        environment = inherited | settings.environment()
        self._scorers = [
            Scorer(f"scorer {at}", environment) for at in range(1, settings.scorers + 1)
        ]
        self._of: dict[int, Scorer] = {}
        self._lives = itertools.count(1)

    @property
    def are_well(self) -> bool:
        """True while none has died and is still to be started again."""
        return not any(scorer.is_down for scorer in self._scorers)

    def begin(self) -> None:
        """Forget all experiments: another learner of this process begins."""
        for number in [*self._of]:
            self.forget(number)

    def evaluator(self, joins: JoinedOrder, number: int) -> ScoredElsewhere:
        """Return the candidates of an experiment; a scorer begins from the store.

        Args:
            joins: the decisions.
            number: the experiment's; it is known until `forget`.
        """
        scorer = min(self._scorers, key=lambda one: len(one.scored))
        found = ScoredElsewhere(joins, number, self._ask, lambda: next(self._lives))
        self._of[number] = scorer
        scorer.scored[number] = found
        return found

    def forget(self, number: int) -> None:
        """Let a scorer keep nothing of an experiment in memory, if one has it."""
        scorer = self._of.pop(number, None)
        if scorer is not None:
            del scorer.scored[number]
            scorer.send(Forget(number))

    def look(self) -> None:
        """Read what scorers say; start those that died."""
        for scorer in self._scorers:
            scorer.listen()

    def stop(self) -> None:
        """End all processes; what was asked begins anew with the next learner."""
        for scorer in self._scorers:
            scorer.stop()
            scorer.scored.clear()
        self._of.clear()

    def _ask(self, message: Ask) -> bool:
        scorer = self._of.get(message.number)
        if scorer is None or not scorer.start():
            return False
        scorer.send(message)
        return scorer.runs


def _started(
    environment: Mapping[str, str],
) -> tuple["subprocess.Popen[bytes]", Channel]:
    ours, theirs = socket.socketpair()
    with theirs:
        place = str(os.getpid()), str(theirs.fileno())
        command = [sys.executable, "-m", "bandit_svc.learner.scoring", *place]
        process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    ours.settimeout(0.0)
    return process, Channel(ours)
