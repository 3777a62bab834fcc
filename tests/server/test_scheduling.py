"""What the kernel is told, by a process of its own: this one keeps its slices."""

import os
import subprocess
import sys

ASKED = """
import os
from bandit_svc.scheduling import run_soon

os.nice(3)
taken = run_soon()
policy = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK
print(taken, os.getpriority(os.PRIO_PROCESS, 0), policy)
"""


def test_to_run_soon_changes_neither_the_policy_nor_the_priority() -> None:
    ran = subprocess.run(
        (sys.executable, "-c", ASKED), check=True, capture_output=True, text=True
    )

    taken, nice, policy = ran.stdout.split()
    assert taken in {"True", "False"}
    assert (int(nice) - 3, policy) == (_own_nice(), "0")


def _own_nice() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)
