"""The process that sends a node's outbox: `python -m bandit_svc.shipper`.

Owns its lock and its settings, which come from the environment. Its turns are
sending.py's.
"""

import logging
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import Final

from bandit_svc import logs
from bandit_svc.clock import GuardedClock
from bandit_svc.domain.clock_guard import KeptClock
from bandit_svc.errors import BanditError, InvalidInput
from bandit_svc.eventlog.stream.acked import Telling
from bandit_svc.eventlog.stream.outbox import Outbox
from bandit_svc.heartbeat import Heartbeat
from bandit_svc.settings import Settings, settings_from
from bandit_svc.shipper.sending import Sending
from bandit_svc.signals import StopSignal
from bandit_svc.wiring import Backends, node_shipper

LOCK_POLL_S: Final = 0.1
WRONG_USAGE: Final = 2

# `__name__` is "__main__" here.
_log = logging.getLogger("bandit_svc.shipper")


def main() -> int:
    """Send until told to stop and the last worker's end; give the exit code."""
    try:
        settings = settings_from(os.environ)
    except InvalidInput as error:
        sys.stderr.write(f"Error: {error.message}\n")
        return WRONG_USAGE
    logs.configure(settings.log_level, "shipper", settings.log_lines)
    stop, beat = StopSignal(), Heartbeat(os.environ).beat
    outbox = Outbox(Path(settings.data).resolve())
    while not outbox.lock():
        # Of a former service over this folder, which sends the rest.
        beat()
        if stop.wait(LOCK_POLL_S):
            return 0
    clock = GuardedClock(_kept_clock(settings))
    telling = Telling(Path(settings.data)) if settings.ack == "stream" else None
    with closing(node_shipper(settings, outbox)) as shipper:
        sending = Sending(shipper, outbox, clock.now_ms, stop, beat, telling)
        sent_all = sending.run()
    return 0 if sent_all else 1


def _kept_clock(settings: Settings) -> KeptClock | None:
    """Return the time that the service agreed to; None where the store is away."""
    with closing(Backends(settings)) as backends:
        try:
            return backends.storage.clock.kept()
        except BanditError as error:
            _log.warning("the time of this machine is taken as it is: %s", error)
            return None


if __name__ == "__main__":
    sys.exit(main())
