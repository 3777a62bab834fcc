"""A process that writes to the event log, for tests that kill or starve it.

Usage: writer_process.py SCENARIO ROOT SETTINGS_JSON. Every scenario tells what it
did on standard output, one line each, and waits for lines on standard input.
"""

import json
import os
import random
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from bandit_svc.domain.events.record import DECISION, Record
from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.files.writer import FileWriter


def record_of(payload: bytes) -> Record:
    """Return a record of any bytes; this process does not see tests/harness."""
    return Record(DECISION, payload)


def say(text: str) -> None:
    """Write a line to the parent with one system call; nothing is buffered."""
    os.write(1, f"{text}\n".encode())


def wait_for_parent() -> None:
    """Block until the parent sends a byte or goes away."""
    os.read(0, 1)


def append_forever(writer: FileWriter, settings: dict[str, Any]) -> None:
    """Append numbered records of random length; acknowledge each by its number."""
    generator = random.Random(settings["seed"])  # noqa: S311 (sizes, not secrets)
    number = 0
    while True:
        padding = "x" * generator.choice([10, 500, 200_000])
        writer.append(record_of(f"{number}:{padding}".encode()))
        say(str(number))
        number += 1


def attempt(writer: FileWriter, record: bytes) -> None:
    """Append and report the outcome."""
    try:
        writer.append(record_of(record))
    except Unavailable as error:
        say(f"unavailable {error.retry_after_s} {error.message}")
    else:
        say("ok")


def run_out_of_space(writer: FileWriter, settings: dict[str, Any]) -> None:
    """Meet a limit on the file size, in the middle of a record; then lift it."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    attempt(writer, b"before")
    resource.setrlimit(resource.RLIMIT_FSIZE, (settings["limit"], hard))
    for _ in range(3):
        attempt(writer, b"refused" * 100)
    wait_for_parent()
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    attempt(writer, b"after")
    wait_for_parent()


def fill_one_file(writer: FileWriter, settings: dict[str, Any]) -> None:
    """Meet the limit on the size of a file when one more record would pass it."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (settings["limit"], hard))
    for number in range(4):
        attempt(writer, b"%d" % number * 2000)


def run_out_of_descriptors(writer: FileWriter, settings: dict[str, Any]) -> None:
    """Fail to create the next segment, though the current one could be written."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    attempt(writer, b"x" * settings["max_segment_bytes"])
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    attempt(writer, b"refused")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    attempt(writer, b"after")
    wait_for_parent()


def lose_the_live_counter(writer: FileWriter, settings: dict[str, Any]) -> None:
    """Append, and append again after the parent has cut the live counter."""
    del settings
    attempt(writer, b"before")
    wait_for_parent()
    attempt(writer, b"after")
    attempt(writer, b"last")
    wait_for_parent()


def fork_a_child(writer: FileWriter, settings: dict[str, Any]) -> None:
    """Leave a forked child behind that outlives its parent's death by signal."""
    del settings
    writer.append(record_of(b"from the parent"))
    if os.fork() == 0:
        attempt(writer, b"from the child")
        say(f"child {os.getpid()}")
        wait_for_parent()
        os._exit(0)
    os.wait()


def start_a_program(writer: FileWriter, settings: dict[str, Any]) -> None:
    """Leave another program behind that got every inheritable descriptor."""
    del settings
    writer.append(record_of(b"from the parent"))
    program = "import os; print('started', flush=True); os.read(0, 1)"
    with subprocess.Popen([sys.executable, "-c", program], close_fds=False) as child:
        child.wait()


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        append_forever,
        run_out_of_space,
        fill_one_file,
        run_out_of_descriptors,
        lose_the_live_counter,
        fork_a_child,
        start_a_program,
    )
}


def main() -> None:
    """Run one scenario."""
    scenario, root, text = sys.argv[1:]
    settings = json.loads(text)
    writer = FileWriter(
        Path(root),
        now_ms=settings.get("now_ms", 1),
        suffix="cd34",
        fsync=settings.get("fsync", "interval"),
        fsync_interval_ms=5,
        max_segment_bytes=settings.get("max_segment_bytes", 64_000_000),
    )
    SCENARIOS[scenario](writer, settings)


if __name__ == "__main__":
    main()
