"""A process that scores candidates: `python -m bandit_svc.learner.scoring PARENT FD`.

Owns its end, which is that of the learner that started it. Settings come from the
environment; the descriptor is its end of a pair of sockets.
"""

import logging
import os
import socket
import sys
from contextlib import closing

from bandit_svc import logs
from bandit_svc.clock import now_ms
from bandit_svc.errors import BanditError
from bandit_svc.learner.scoring.messages import Channel, ChannelClosed
from bandit_svc.learner.scoring.scoring import Scoring
from bandit_svc.settings import Settings, settings_from
from bandit_svc.signals import StopSignal, bind_to_parent
from bandit_svc.wiring import Backends

FAILED = 1
LOOK_EVERY_S = 1.0
"""No signal tells of the learner's death everywhere."""

# `__name__` is "__main__" here.
_log = logging.getLogger("bandit_svc.learner.scoring")


def main() -> int:
    """Score until the learner ends, or says so; give the exit code."""
    settings = settings_from(os.environ)
    logs.configure(settings.log_level, "scorer", settings.log_lines)
    parent, stop = int(sys.argv[1]), StopSignal()
    bind_to_parent()
    channel = Channel(socket.socket(fileno=int(sys.argv[2])))
    try:
        with closing(channel):
            _score(settings, channel, parent, stop)
    except ChannelClosed:
        pass
    except (BanditError, OSError) as error:
        # The learner starts another one, which begins from the store.
        _log.error("candidates can't be scored now: %s", error)
        return FAILED
    return 0


def _score(settings: Settings, channel: Channel, parent: int, stop: StopSignal) -> None:
    with closing(Backends(settings)) as backends:
        scoring = Scoring(backends.storage, channel, now_ms, settings.publish_every_ms)
        pause_s: float | None = 0.0
        while os.getppid() == parent:
            wait_s = LOOK_EVERY_S if pause_s is None else pause_s
            if stop.wait(wait_s, channel.fileno()):
                return
            pause_s = scoring.turn()


if __name__ == "__main__":
    sys.exit(main())
