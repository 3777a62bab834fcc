"""A supervisor of shell commands, for tests that kill and starve it.

Usage: supervise_process.py DRAIN_S SILENT_S vital|plain NAME=SHELL_COMMAND… Prints
what the supervisor logs, and the sentence with which it gives up.
"""

import os
import sys

from bandit_svc import logs
from bandit_svc.cli.service.supervisor import Child, supervise
from bandit_svc.errors import Unavailable


def main() -> int:
    """Supervise until told to stop."""
    logs.configure("info", "test")
    drain_s, silent_s, vital, *commands = sys.argv[1:]
    pairs = [command.split("=", 1) for command in commands]
    children = [
        Child(
            name,
            ["/bin/sh", "-c", command],
            vital=vital == "vital",
            silent_s=float(silent_s),
        )
        for name, command in pairs
    ]
    try:
        supervise(children, os.environ, drain_s=float(drain_s))
    except Unavailable as error:
        sys.stderr.write(f"gave up: {error.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
