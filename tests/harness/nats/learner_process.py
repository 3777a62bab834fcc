"""A learner's process over a store in a folder and a stream: FOLDER ADDRESS.

Owns its loop, which goes on from the store after each fault, until it is killed.
"""

import sys
import time
from contextlib import closing

from bandit_svc.clock import now_ms
from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.stream.address import stream_address
from bandit_svc.eventlog.stream.engines import stream_source
from bandit_svc.learner.loop import Learner
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends

PAUSE_S = 0.02


def main(folder: str, url: str) -> None:
    """Tick until the process is killed."""
    settings = Settings(data=folder, publish_every_ms=0, fsync="never")
    while True:
        with closing(Backends(settings)) as backends:
            backends.reader = stream_source(stream_address(url), "learner")
            learner = Learner(backends, now_ms)
            try:
                while True:
                    learner.tick()
                    time.sleep(PAUSE_S)
            except Unavailable as error:
                sys.stderr.write(f"{error.message}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
