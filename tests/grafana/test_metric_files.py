"""Metrics of several processes: what the dead leave behind, in a running service."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.served import Served

pytestmark = pytest.mark.e2e

Start = Callable[[], Served]
# Counts, sets gauges, and is gone without a word.
GHOST = """
import os
from bandit_svc import metrics
metrics.DECISIONS.labels("ghost", "a", "treatment").inc()
metrics.PENDING.labels("ghost").set(5)
os._exit(1)
"""


def test_metrics_of_an_earlier_run_are_gone_after_the_start(
    tmp_path: Path, start_service: Start
) -> None:
    data = tmp_path / "data"
    folder = data / "metrics"
    folder.mkdir(parents=True)
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    subprocess.run([sys.executable, "-c", GHOST], env=environment, check=False)
    left = sorted(path.name for path in folder.glob("*.db"))
    service = start_service()
    text = service.text("/metrics") or ""

    assert {"counter", "gauge"} <= {name.split("_")[0] for name in left}
    assert "ghost" not in text
    assert "bandit_build_info" in text
    assert [name for name in left if (folder / name).exists()] == []


def test_gauges_of_a_killed_learner_vanish_and_come_back_with_the_next(
    tmp_path: Path, start_service: Start
) -> None:
    data = tmp_path / "data"
    folder = data / "metrics"
    service = start_service()
    learner = service.by_role()["learner"][0]
    gauges = folder / f"gauge_livemostrecent_{learner}.db"
    service.wait_for(gauges.exists, "reporting")
    os.kill(learner, signal.SIGKILL)
    service.wait_for(lambda: not gauges.exists(), "dropping the learner's gauges")

    service.wait_for(
        lambda: (
            "bandit_event_log_backlog_bytes 0.0" in (service.text("/metrics") or "")
        ),
        "reporting again, by the next learner",
    )


def test_gauges_of_a_killed_web_worker_vanish_and_its_counts_stay(
    tmp_path: Path, start_service: Start
) -> None:
    data = tmp_path / "data"
    folder = data / "metrics"
    service = start_service()
    workers = service.by_role()["worker"]

    def shown() -> list[Path]:
        # A worker sets its gauge when it answers; new connections reach each in time.
        service.text("/metrics")
        files = [folder / f"gauge_livemax_{pid}.db" for pid in workers]
        return [file for file in files if file.exists()]

    service.wait_for(shown, "showing metrics")
    gauges = shown()[0]
    pid = int(gauges.stem.rpartition("_")[2])
    os.kill(pid, signal.SIGKILL)
    service.wait_for(lambda: not gauges.exists(), "dropping the worker's gauge")

    assert (folder / f"counter_{pid}.db").exists()
