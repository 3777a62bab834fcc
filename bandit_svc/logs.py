"""Log lines of the service's processes.

Owns the format and the level. A line never carries a key, a context value or a
unit; callers pass counts, experiment keys and sentences only.
"""

import logging
import sys


def configure(level: str, process: str) -> None:
    """Send every log line of this process to stderr, one line an event."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        logging.Formatter(
            f"%(asctime)s %(levelname)-7s {process} %(name)s %(message)s",
            datefmt="%Y-%m-%dT%H:%M:%S%z",
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
