"""One process of a cluster: started, killed, started again.

Owns the process and its log. It stays in its caller's process group, and the kernel
ends it with the thread that started it, which is the main one.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

LAST_LINES = 12
DYING_WITHIN_S = 10.0


class ClusterError(Exception):
    """A part did not start or did not heal; the message has the end of its log."""


Address = tuple[str, int]
LOOPBACK = "127.0.0.1"


def straight(room: str, address: Address) -> Address:
    """Return the very address of a part, which nothing stands in front of."""
    del room
    return address


class Place(NamedTuple):
    """Where a part runs, and how it reaches the others.

    Attributes:
        prefix: words before its command, such as `ip netns exec NAME`.
        host: the address that it listens on.
        reach: from the room (store or stream) and the address of another part to the
            address under which this one reaches it.
    """

    prefix: tuple[str, ...] = ()
    host: str = LOOPBACK
    reach: Callable[[str, Address], Address] = straight


class Command(NamedTuple):
    """What a part runs.

    Attributes:
        words: program and arguments.
        environment: variables beside those of this process.
        user: the user that it runs as, where this process may choose.
        stop: the signal that asks it to end.
    """

    words: Sequence[str]
    environment: Mapping[str, str]
    user: str | None = None
    stop: signal.Signals = signal.SIGTERM


class Part:
    """A process that can be killed and started again over the same folder."""

    def __init__(self, name: str, place: Place, command: Command, log: Path) -> None:
        self.name = name
        self._place = place
        self._command = command
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process's id; 0 while it has none."""
        return 0 if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process and return at once."""
        # Where the starter dies, by whatever signal, nothing is left behind.
        bound = ["setpriv", "--pdeathsig", self._command.stop.name.removeprefix("SIG")]
        if self._command.user is not None:
            bound += ["--reuid", self._command.user, "--regid", self._command.user]
            bound += ["--clear-groups"]
        with self._log.open("ab") as log:
            # Its words are our own, addresses and folders.
            self._process = subprocess.Popen(
                [*self._place.prefix, *bound, "--", *self._command.words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**plain(), **self._command.environment},
                cwd=self._log.parent,
            )

    def is_running(self) -> bool:
        """Return whether its process is there."""
        return self._process is not None and self._process.poll() is None

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End the process by a signal, and wait until it is gone."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(DYING_WITHIN_S)

    def ask_to_stop(self) -> None:
        """Send the signal that asks it to end."""
        if self._process is not None:
            self._process.send_signal(self._command.stop)

    def ended_within(self, seconds: float) -> bool:
        """Wait for its end at most so long; return whether it has ended."""
        if self._process is None:
            return True
        try:
            self._process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            return False
        return True

    def log_tail(self) -> str:
        """Return the last lines of its log."""
        if not self._log.exists():
            return "(none)"
        lines = self._log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-LAST_LINES:]) or "(none)"


def plain() -> dict[str, str]:
    """Return this process's environment without settings of the service."""
    return {k: v for k, v in os.environ.items() if not k.startswith("BANDIT_")}
