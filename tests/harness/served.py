"""`bandit-svc serve` on a free loopback port, with all the processes below it."""

import signal
from pathlib import Path
from typing import Any, ClassVar, Protocol

from tests.harness.loopback import delete_json, free_port, get_json, get_text, post_json
from tests.harness.process import (
    COMMAND,
    Process,
    children_of,
    command_of,
    is_gone,
    plain_environment,
)


class Served(Process):
    """A service of two workers over a data folder; `--dev` asks for no keys."""

    mode: ClassVar[tuple[str, ...]] = ("--dev",)

    def __init__(self, data: Path, **settings: str) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        place = ("--data", str(data), "--port", str(self.port), "--workers", "2")
        variables = {f"BANDIT_{k.upper()}": v for k, v in settings.items()}
        super().__init__(
            [COMMAND, "serve", *self.mode, *place],
            data.with_suffix(".log"),
            plain_environment(**variables),
        )

    def wait_until_ready(self) -> None:
        """Return once a decision could be made durably."""
        self.wait_for(lambda: self.text("/readyz") is not None, "it ready")

    def restart(self) -> None:
        """Start again on the same folder and port, after `kill` or `stop`."""
        self.process = self._launch()

    def text(self, path: str) -> str | None:
        """GET a path; None where no good answer came."""
        return get_text(self.url + path)

    def get(self, path: str) -> Any:
        """GET JSON; None where no good answer came."""
        return get_json(self.url + path)

    def post(self, path: str, body: object) -> Any:
        """POST JSON and return the JSON answer; None where no good one came."""
        return post_json(self.url + path, body)

    def delete(self, path: str) -> Any:
        """DELETE and return the JSON answer; None where no good one came."""
        return delete_json(self.url + path)

    def by_role(self) -> dict[str, list[int]]:
        """Return the pids below the supervisor: gunicorn's master, workers, learner."""
        found: dict[str, list[int]] = {"master": [], "worker": [], "learner": []}
        for child in children_of(self.pid):
            if "bandit_svc.learner" in command_of(child):
                found["learner"].append(child)
            elif "gunicorn" in command_of(child):
                found["master"].append(child)
                found["worker"].extend(children_of(child))
        return found

    def stop(self) -> int:
        """Ask for a clean end; return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait_for_end()

    def kill(self) -> None:
        """Kill the supervisor; wait until nothing of it listens any more."""
        below = [pid for pids in self.by_role().values() for pid in pids]
        self.process.kill()
        self.process.wait()
        self.wait_for(lambda: all(map(is_gone, below)), f"{below} gone")


class StartServed(Protocol):
    """Start a service over a new folder and wait until it is ready."""

    def __call__(self, **settings: str) -> Served: ...
