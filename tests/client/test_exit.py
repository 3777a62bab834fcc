"""What a program has reported is sent when it ends, however it ends by itself."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.harness.client.collecting_service import (
    CollectingService,
    collecting_service,
)
from tests.harness.loopback import free_port

HEAD = """
import os, sys
from bandit_svc.client import AsyncBanditClient, BanditClient
url, exit_flush_s = sys.argv[1], float(sys.argv[2])
client = BanditClient(url, flush_interval_s=3600, exit_flush_s=exit_flush_s)
"""
ENDS = {
    "the last line": "client.reward('d-1', 1.0, 'r-1')",
    "an error": "client.reward('d-1', 1.0, 'r-1'); raise SystemExit(3)",
    "a thread": """
import threading
thread = threading.Thread(target=client.reward, args=('d-1', 1.0, 'r-1'))
thread.start()
thread.join()
""",
    "a loop": """
import asyncio
async def main():
    twin = AsyncBanditClient(sys.argv[1], flush_interval_s=3600, exit_flush_s=60)
    await twin.reward('d-1', 1.0, 'r-1')
asyncio.run(main())
""",
    "a forked process": """
client.reward('d-1', 1.0, 'parent')
if os.fork() == 0:
    client.reward('d-1', 1.0, 'r-1')
    sys.exit()
os.wait()
""",
    "a process of multiprocessing": """
import multiprocessing
client.reward('d-1', 1.0, 'parent')
child = multiprocessing.get_context('fork').Process(
    target=client.reward, args=('d-1', 1.0, 'r-1')
)
child.start()
child.join()
""",
    "a client that nobody holds": """
def report():
    mine = BanditClient(sys.argv[1], flush_interval_s=3600, exit_flush_s=60)
    mine.reward('d-1', 1.0, 'r-1')
report()
""",
}


@pytest.fixture
def service() -> Iterator[CollectingService]:
    """Return a service that takes reports."""
    with collecting_service() as service:
        yield service


def run(program: str, url: str, exit_flush_s: float) -> str:
    """Return what a program has printed to its error stream."""
    command = [sys.executable, "-c", HEAD + program, url, str(exit_flush_s)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" not in ran.stderr
    return ran.stderr


@pytest.mark.parametrize("end", ENDS)
def test_what_waits_is_sent_once_when_the_program_ends(
    service: CollectingService, end: str
) -> None:
    assert run(ENDS[end], service.url, 60.0) == ""

    parents = ["parent"] if "'parent'" in ENDS[end] else []
    assert sorted(service.reward_ids) == sorted(["r-1", *parents])


def test_what_can_not_be_sent_is_told_and_the_program_ends() -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"

    said = run("client.reward('d-1', 1.0); client.reward('d-2', 1.0)", nowhere, 0.2)

    assert "2 rewards were lost (exit): the program ended before they were sent" in said
    assert "rewards wait to be sent again (unreachable: The service did not" in said
