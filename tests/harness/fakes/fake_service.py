"""The parts of the service that simulated traffic uses, without a log or a model.

Owns `FakeService`.
"""

from collections import Counter
from typing import Any

from tests.harness.fakes.json_server import Answer, Asked

Json = dict[str, Any]


class FakeService:
    """Decides at random and remembers; fails on request."""

    def __init__(self) -> None:
        self.url = ""
        self.experiments: Json = {}
        self.decisions: list[Json] = []
        self.activated: list[str] = []
        self.rewards: list[Json] = []
        self.failures: Counter[str] = Counter()
        """How many of the next requests of a path get a 503."""

    def respond(self, asked: Asked) -> Answer:
        """Answer as the service would."""
        return Answer(*self._answer(asked.method, asked.path, asked.body))

    def _answer(self, method: str, path: str, body: Json) -> tuple[int, object]:
        if self.failures[path]:
            self.failures[path] -= 1
            return 503, {"title": "Unavailable", "status": 503}
        if method == "GET":
            known = self.experiments.get(path.removeprefix("/v1/experiments/"))
            return (404, {"title": "Not found"}) if known is None else (200, known)
        if path == "/v1/experiments":
            self.experiments[body["key"]] = body
            return 201, body
        if path == "/v1/decisions":
            return 201, self.decide(body)
        if path == "/v1/rewards":
            self.rewards.append(body)
        else:
            self.activated.append(path.split("/")[3])
        return 202, None

    def decide(self, body: Json) -> Json:
        self.decisions.append(body)
        number = len(self.decisions)
        variants = self.experiments[body["experiment"]]["variants"]
        return {
            "decision_id": f"d-{number}",
            "experiment": body["experiment"],
            "variant": variants[number % len(variants)]["key"],
            "group": "baseline" if number % 10 == 0 else "treatment",
        }
