"""The environment of a command's processes."""

import os
import subprocess
import sys

from bandit_svc.cli.evaluation.threads import THREADS, one_thread_each

PRINTED = f"import os; print([os.environ.get(name) for name in {THREADS}])"


def test_processes_compute_in_one_thread_and_this_one_as_before() -> None:
    before = dict(os.environ)

    with one_thread_each():
        command = [sys.executable, "-c", PRINTED]
        printed = subprocess.check_output(command, text=True)

    expected = [os.environ.get(name, "1") for name in THREADS]
    assert printed.strip() == str(expected)
    assert dict(os.environ) == before
