"""The script of a story, on a service of two workers that is started for it.

Owns the start: `bandit-svc init` and `serve` over a new folder, with keys.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.speed.processes import (
    BANDIT_SVC,
    ROOT,
    free_port,
    running,
    wait_for_port,
)


def tell(story: str) -> str:
    """Start a service, run the script of a story on it; return what it printed.

    Raises:
        RuntimeError: a claim of the story did not hold.
    """
    with tempfile.TemporaryDirectory() as folder:
        data, output = Path(folder) / "data", Path(folder) / "service.log"
        made = subprocess.run(
            [BANDIT_SVC, "init", "--data", str(data)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        port = free_port()
        place = ("--data", str(data), "--port", str(port))
        command = (BANDIT_SVC, "serve", *place, "--workers", "2")
        with running(command, output) as process:
            wait_for_port(process, port, output)
            done = subprocess.run(
                [
                    *(sys.executable, "-m", f"examples.{story}.story"),
                    *("--url", f"http://127.0.0.1:{port}", "--data", str(data)),
                    *("--secret", _key(made, "bsk_")),
                    *("--publishable", _key(made, "bpk_")),
                ],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            log = output.read_text()[-2_000:]
            raise RuntimeError(f"{done.stdout}{done.stderr}\nThe service said: {log}")
    return done.stdout


def _key(text: str, prefix: str) -> str:
    return next(word for word in text.split() if word.startswith(prefix))
