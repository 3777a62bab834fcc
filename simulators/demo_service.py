"""The service of the demo: started, watched and stopped as a child process.

Owns the child process and its log file. The child has a session of its own, so that
Ctrl-C reaches the demo alone, which then stops the service.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bandit_svc.client import BanditClient

HOST = "127.0.0.1"
# The end of the service is noticed at once; this limit is for one that hangs.
READY_WITHIN_S = 120.0
DRAIN_WITHIN_S = 20.0
LOG_NAME = "service.log"
LAST_LINES = 20
COMMAND = (str(Path(sys.executable).with_name("bandit-svc")), "serve", "--dev")


class ServiceError(Exception):
    """The service did not start or has ended; the message has the end of its log."""


def port_from(environment: dict[str, str]) -> int:
    """Return `BANDIT_PORT`, or a port that is free now.

    Raises:
        ServiceError: `BANDIT_PORT` is not a port, or is in use.
    """
    given = environment.get("BANDIT_PORT")
    if not given:
        with socket.create_server((HOST, 0)) as probe:
            port: int = probe.getsockname()[1]
            return port
    if not given.isdecimal() or not 0 < int(given) < 2**16:
        raise ServiceError(f"BANDIT_PORT is {given!r}; it must be between 1 and 65535")
    try:
        # Another service on this port would be mistaken for the one of the demo.
        socket.create_server((HOST, int(given))).close()
    except OSError as error:
        raise ServiceError(
            f"BANDIT_PORT is {given}, which can't be listened on ({error.strerror}); "
            "unset it to use a free port"
        ) from error
    return int(given)


class Service:
    """A running `bandit-svc serve --dev` over a data folder."""

    def __init__(self, data: Path, port: int, command: Sequence[str] = COMMAND) -> None:
        self.url = f"http://{HOST}:{port}"
        self._log_path = data / LOG_NAME
        options = ("--data", str(data), "--host", HOST, "--port", str(port))
        with self._log_path.open("wb") as log:
            # The command and its options contain no input of others.
            self._process = subprocess.Popen(  # noqa: S603
                [*command, *options, "--workers", "2"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_ready(self, wait: Callable[[float], bool]) -> bool:
        """Wait until the service can decide; return False if `wait` returned True.

        Raises:
            ServiceError: the service ended, or was not ready within 120 s.
        """
        deadline = time.monotonic() + READY_WITHIN_S
        with BanditClient(self.url) as client:
            while not client.ready():
                self.check()
                if time.monotonic() > deadline:
                    raise ServiceError(
                        f"the service was not ready after {READY_WITHIN_S:.0f} s; "
                        f"the end of its log:\n{self.log_tail()}"
                    )
                if wait(0.1):
                    return False
        return True

    def check(self) -> None:
        """Check that the service is running.

        Raises:
            ServiceError: the service has ended.
        """
        status = self._process.poll()
        if status is not None:
            raise ServiceError(
                f"the service ended with status {status}; "
                f"the end of its log:\n{self.log_tail()}"
            )

    def log_tail(self) -> str:
        """Return the last lines of the service's log."""
        lines = self._log_path.read_text(errors="replace").splitlines()
        return "\n".join(lines[-LAST_LINES:]) or "(none)"

    def stop(self) -> None:
        """Stop the service; processes that are left after 20 s are killed."""
        self._process.terminate()
        try:
            self._process.wait(DRAIN_WITHIN_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._end_session()
            self._process.wait()

    def _end_session(self) -> None:
        """Kill processes that outlived their supervisor."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
