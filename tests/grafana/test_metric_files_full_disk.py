"""A disk without room costs metrics, never the process."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

COUNT_IN_MANY_LABELS = """
from bandit_svc import metrics
metrics.REQUESTS.labels("/before", "200").inc()
with open(FILLER, "wb", buffering=0) as filler:
    try:
        while True:
            filler.write(b"x" * 4096)
    except OSError:
        pass
for number in range(3_000):
    metrics.REQUESTS.labels(f"/{number}", "200").inc()
    metrics.REWARDS.labels(f"e{number}", "accepted").inc()
    metrics.MODEL_AGE.labels(f"e{number}").set(number)
metrics.DECISION_SECONDS.observe(0.1)
print("alive", metrics.REQUESTS.labels("/7", "200")._value.get())
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 1 MiB; skip where that is not allowed."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("mounting a tmpfs needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def run(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    prepared = f"FILLER = {str(folder / 'filler')!r}\n{code}"
    return subprocess.run(
        [sys.executable, "-c", prepared],
        env={"PROMETHEUS_MULTIPROC_DIR": str(folder)},
        cwd=tempfile.gettempdir(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_full_disk_loses_metrics_and_kills_no_process(small_disk: Path) -> None:
    done = run(small_disk, COUNT_IN_MANY_LABELS)

    assert (done.returncode, done.stdout) == (0, "alive 1.0\n"), done.stderr
    assert "make room" in done.stderr


def test_with_room_the_files_hold_every_metric(tmp_path: Path) -> None:
    code = COUNT_IN_MANY_LABELS.replace("while True", "while False")
    done = run(tmp_path, code + "\nprint(metrics.render().count(b'/2999'))")

    assert (done.returncode, done.stdout) == (0, "alive 1.0\n1\n"), done.stderr
    for file in tmp_path.glob("*.db"):
        assert file.stat().st_blocks * 512 >= file.stat().st_size
