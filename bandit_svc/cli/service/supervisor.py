"""Keep child processes running until told to stop.

Owns restarts, draining and the bond of a child to its parent. Knows nothing of
what the children do. For the main thread of a process without other threads.

A child that hangs does not die. One that is watched gives signs of life
(heartbeat.py), and is killed and started again after a silence.
"""

import contextlib
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

from bandit_svc.errors import Unavailable
from bandit_svc.heartbeat import VARIABLE, HeartbeatPipe
from bandit_svc.signals import StopSignal, bind_to_parent

DRAIN_S = 15.0
# Pause before the restart after so many deaths in a row; then always the last.
PAUSES_S = (0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0)
# A child that lived this long was well, so its next death is a first one.
WELL_AFTER_S = 5.0
# A child that ends itself so often without ever having been well never will be.
GIVE_UP_AFTER = 3
# Until its first sign of life a child loads its code, which takes longer.
START_TIMES_SILENCE = 4
# A silence that was work, not a fault, gets longer with each kill, so that work which
# is begun anew comes to its end.
LONGEST_TIMES_SILENCE = 32
_LOOK_EVERY_S = 0.5
_START_POLL_S = 0.05

_log = logging.getLogger(__name__)


class Child:
    """One command that should always be running.

    Args:
        vital: whether the supervisor gives up where it can't be started.
        silent_s: seconds without a sign of life after which it is killed and started
            again; 0 watches for none. Doubles with each such kill.
        on_death: called with the pid of each process that has died.
        may_start: asked before its first start, which waits until it is true.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        vital: bool = False,
        silent_s: float = 0.0,
        on_death: Callable[[int], None] = lambda _pid: None,
        may_start: Callable[[], bool] = lambda: True,
    ) -> None:
        self.name = name
        self._command = command
        self._vital = vital
        self._on_death = on_death
        self._may_start = may_start
        self._silent_s = silent_s
        self._patience_s = silent_s
        self._pipe: HeartbeatPipe | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._started_s = 0.0
        self._due_s = 0.0
        self._deaths = 0
        self._own_ends = 0
        self._was_well = False

    def look(self, environment: Mapping[str, str]) -> float:
        """Note a death, start what is due; say how long nothing is due.

        Raises:
            Unavailable: it is vital and ends itself again and again.
        """
        now_s = time.monotonic()
        if self._process is not None:
            status = self._process.poll()
            if status is None:
                self._listen(self._process.pid, now_s)
                return _LOOK_EVERY_S
            self._note_death(self._process.pid, status, now_s)
        if not self._started_s and not self._may_start():
            return _START_POLL_S
        if now_s >= self._due_s:
            self._begin(environment, now_s)
            return _LOOK_EVERY_S
        return min(self._due_s - now_s, _LOOK_EVERY_S)

    def tell(self, number: signal.Signals) -> None:
        """Send a signal to its process, if there is one."""
        if self._process is not None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """End its process and all that it has started, at once."""
        if self._process is not None:
            _log.warning("%s did not stop in time and is killed", self.name)
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._forget()

    def gone(self) -> bool:
        """Return whether its process has ended; start none."""
        if self._process is not None and self._process.poll() is not None:
            self._on_death(self._process.pid)
            self._forget()
        return self._process is None

    def _begin(self, environment: Mapping[str, str], now_s: float) -> None:
        try:
            self._pipe = HeartbeatPipe(now_s) if self._silent_s else None
            self._process = _start(self._command, environment, self._pipe)
        except (OSError, subprocess.SubprocessError):
            # The machine is out of memory or of processes; that may pass.
            _log.exception("%s can't be started now", self.name)
            self._forget()
            self._due_s = now_s + PAUSES_S[-1]
            return
        if self._pipe is not None:
            self._pipe.started()
        self._started_s = now_s
        _log.info("%s started (pid %d)", self.name, self._process.pid)

    def _listen(self, pid: int, now_s: float) -> None:
        """Kill it if it has been silent for too long; its death is noted as any."""
        if self._pipe is None:
            return
        silent_s = self._pipe.silent_s(now_s)
        patience_s = self._patience_s
        if not self._pipe.heard:
            patience_s *= START_TIMES_SILENCE
        if silent_s <= patience_s:
            if now_s - self._started_s > LONGEST_TIMES_SILENCE * self._silent_s:
                self._patience_s = self._silent_s
            return
        longest_s = LONGEST_TIMES_SILENCE * self._silent_s
        self._patience_s = min(2 * self._patience_s, longest_s)
        _log.error(
            "%s (pid %d) has given no sign of life for %.1f s, and at most %.1f s are "
            "allowed: it is killed and started again",
            self.name,
            pid,
            silent_s,
            patience_s,
        )
        # A process that is stopped takes no other signal.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)

    def _forget(self) -> None:
        """Let go of a process that is gone."""
        self._process = None
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def _note_death(self, pid: int, status: int, now_s: float) -> None:
        self._forget()
        # What it had started may have outlived it, and hold its port.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        self._on_death(pid)
        well = now_s - self._started_s >= WELL_AFTER_S
        self._was_well = self._was_well or well
        # A child that was killed did not end itself, whatever the reason.
        ended_itself = status >= 0 and not well
        self._own_ends = self._own_ends + 1 if ended_itself else 0
        self._deaths = 1 if well else self._deaths + 1
        how = f"exit status {status}" if status >= 0 else _signal_name(-status)
        if self._vital and not self._was_well and self._own_ends >= GIVE_UP_AFTER:
            raise Unavailable(
                f"{self.name} ended {self._own_ends} times in a row soon after its "
                f"start (last with {how}); the lines above say why"
            )
        pause_s = PAUSES_S[min(self._deaths, len(PAUSES_S)) - 1]
        self._due_s = now_s + pause_s
        _log.warning(
            "%s (pid %d) died of %s; next start in %.1f s", self.name, pid, how, pause_s
        )


def supervise(
    children: Sequence[Child],
    environment: Mapping[str, str],
    on_turn: Callable[[], bool] = lambda: True,
    drain_s: float = DRAIN_S,
) -> None:
    """Run the children until SIGTERM or SIGINT; then drain, and return.

    Args:
        environment: of every child.
        on_turn: called ten times a second until it returns True.
        drain_s: what is still there so long after being told to stop is killed.

    Raises:
        Unavailable: a vital child can't be kept running; the others are drained.
    """
    stop = StopSignal(signal.SIGCHLD)
    settled = False
    try:
        while not stop.received:
            pause_s = min(child.look(environment) for child in children)
            if not settled:
                settled = on_turn()
                pause_s = min(pause_s, 0.1)
            stop.wait(pause_s)
    finally:
        _drain(children, drain_s)


def _start(
    command: Sequence[str],
    environment: Mapping[str, str],
    pipe: HeartbeatPipe | None,
) -> subprocess.Popen[bytes]:
    watched = {} if pipe is None else {VARIABLE: str(pipe.writing)}
    parent = os.getpid()

    def bind() -> None:
        bind_to_parent()
        # The parent may have died before the kernel was told.
        if os.getppid() != parent:
            os._exit(1)

    # The supervisor has no threads, so code between fork and exec can't deadlock.
    # A group of its own, since Ctrl-C goes to the whole group of the terminal and
    # would stop the children at once instead of draining them.
    return subprocess.Popen(  # noqa: S603 - our own commands
        command,
        env={**environment, **watched},
        pass_fds=() if pipe is None else (pipe.writing,),
        preexec_fn=bind,  # noqa: PLW1509
        process_group=0,
        stdin=subprocess.DEVNULL,
    )


def _drain(children: Sequence[Child], drain_s: float) -> None:
    """Signal every child to finish, wait, and kill the rest."""
    for child in children:
        child.tell(signal.SIGTERM)
    deadline_s = time.monotonic() + drain_s
    while time.monotonic() < deadline_s:
        # Not `any` over a generator: each is asked, since asking also reaps it.
        left = [child for child in children if not child.gone()]
        if not left:
            return
        time.sleep(0.02)
    for child in children:
        child.kill()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
