"""A worker that listens, at the present time: a bandit has the clock of the machine."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.web.listening import Near, listening


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Near]:
    """Return a listening worker with one experiment, `hero`."""
    worker = Near(tmp_path / "data", dev=False, now_ms=time.time_ns() // 1_000_000)
    worker.create("hero", holdout=0.3, reward={"window_seconds": 1})
    with listening(worker) as worker.url:
        yield worker
    worker.close()
