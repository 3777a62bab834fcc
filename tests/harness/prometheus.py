"""A real Prometheus over a folder of the test."""

import json
import urllib.parse
from pathlib import Path
from typing import Any

from tests.harness.loopback import free_port, get_text
from tests.harness.process import Process


class Prometheus(Process):
    """Prometheus with a given configuration, on a free loopback port."""

    def __init__(self, program: str, config: str, folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        file = folder / "prometheus.yml"
        file.write_text(config)
        command = [
            program,
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
        ]
        super().__init__(command, folder / "prometheus.log")
        self.wait_for(lambda: get_text(f"{self.url}/-/ready") is not None, "it ready")

    def ask(self, path: str, **parameters: str) -> Any:
        """Return `data` of the answer.

        Raises:
            AssertionError: there was none; a query is malformed, for example.
        """
        query = urllib.parse.urlencode(parameters)
        answer = get_text(f"{self.url}{path}?{query}")
        assert answer is not None, f"no answer to {path} with {parameters}"
        return json.loads(answer)["data"]
