"""`bandit-svc web` of one machine: its workers and its shipper, over a data folder.

Owns which process is which.
"""

from pathlib import Path

from tests.harness.loopback import free_port
from tests.harness.process import (
    COMMAND,
    Process,
    children_of,
    command_of,
    plain_environment,
)
from tests.harness.served import Served


class WebNode(Served):
    """A node of two workers; `--dev` asks for no keys."""

    def __init__(self, data: Path, **settings: str) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        place = ("--data", str(data), "--port", str(self.port), "--workers", "2")
        variables = {f"BANDIT_{k.upper()}": v for k, v in settings.items()}
        Process.__init__(
            self,
            [COMMAND, "web", *self.mode, *place],
            data.with_suffix(".log"),
            plain_environment(**variables),
        )

    def shipper(self) -> list[int]:
        """Return the pid of the process that sends; none while it is started again."""
        return [
            pid
            for pid in children_of(self.pid)
            if "bandit_svc.shipper" in command_of(pid)
        ]
