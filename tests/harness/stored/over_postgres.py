"""Run pytest over a PostgreSQL store: `python -m tests.harness.stored.over_postgres`.

Owns the server of that run. Tests that open the embedded store's file are left out.
"""

import os
import subprocess
import sys
from contextlib import closing

from tests.harness.stored.chosen import VARIABLE
from tests.harness.stored.postgres import PostgresServer


def main(arguments: list[str]) -> int:
    """Run pytest with these arguments; return its exit code."""
    with closing(PostgresServer()) as server:
        server.start()
        variables = {VARIABLE: server.url("t")}
        command = [sys.executable, "-m", "pytest", *arguments]
        return subprocess.run(
            command, env=os.environ | variables, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
