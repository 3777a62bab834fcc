"""Run pytest over a PostgreSQL store: `python -m tests.harness.stored.over_postgres`.

Owns the server of that run, and which tests are left out: those that open files of the
embedded store, those that run commands without the variable, and one that counts what
two processes know of each other within a moment, while its clock stands still.
"""

import os
import subprocess
import sys
from contextlib import closing

from tests.harness.stored.chosen import VARIABLE
from tests.harness.stored.postgres import PostgresServer

_LEFT_OUT = (
    "doors/test_webhooks.py::test_an_erased_unit_leaves_no_total_of_its_refunds",
    "people/test_order_of_facts.py::test_states_that_a_former_version_kept_are_made_anew",
    "people/test_units.py::test_a_decision_is_made_without_a_state_that_cannot_be_read",
    "planning/test_planned_decisions.py",
    "programmes/test_caps.py::test_an_erased_unit_leaves_no_count_and_no_place",
    "programmes/test_overshoot.py",
    "ranges/test_money.py::test_command_html_and_page_say_what_the_api_does",
    "ranges/test_ranges.py::test_command_page_csv_and_api_have_the_same_numbers",
)


def main(arguments: list[str]) -> int:
    """Run pytest with these arguments; return its exit code."""
    with closing(PostgresServer()) as server:
        server.start()
        variables = {VARIABLE: server.url("t")}
        left_out = [f"--deselect=tests/http/{name}" for name in _LEFT_OUT]
        command = [sys.executable, "-m", "pytest", *left_out, *arguments]
        return subprocess.run(
            command, env=os.environ | variables, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
