"""A service that takes batches of reports, and what it has taken.

Owns `CollectingService`. Each item is answered as the interface has it; a test says
which requests, or which items, fail first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from tests.harness.fakes.json_server import Answer, Asked, json_server

_ANSWERS: Final = {
    "rewards": "rewards",
    "events": "events",
    "decision_ids": "activations",
}


class CollectingService:
    """Takes what is sent to the routes of batches.

    Attributes:
        taken: the items, by the member that listed them, in order.
        requests: the paths and bodies of all requests, also of those that failed.
        failures: answers to the next requests, in place of a good one.
        item_problems: answers to items, by their `reward_id`.
        batch_problems: answers to batches that hold a `reward_id`.
    """

    def __init__(self) -> None:
        self.url = ""
        self.taken: dict[str, list[Any]] = {name: [] for name in _ANSWERS}
        self.requests: list[tuple[str, Any]] = []
        self.failures: list[Answer | None] = []
        self.item_problems: dict[str, dict[str, object]] = {}
        self.batch_problems: dict[str, Answer] = {}

    @property
    def reward_ids(self) -> list[str]:
        """The ids of the rewards that were taken, in order."""
        return [reward["reward_id"] for reward in self.taken["rewards"]]

    def respond(self, asked: Asked) -> Answer | None:
        """Take a batch, or fail as the test wants it."""
        self.requests.append((asked.path, asked.body))
        if self.failures:
            return self.failures.pop(0)
        (member,) = asked.body
        answers: list[dict[str, object]] = []
        for item in asked.body[member]:
            name = item["reward_id"] if member == "rewards" else ""
            if name in self.batch_problems:
                return self.batch_problems[name]
        for item in asked.body[member]:
            name = item["reward_id"] if member == "rewards" else ""
            problem = self.item_problems.get(name)
            if problem is None:
                self.taken[member].append(item)
            answers.append(problem or {"status": "accepted"})
        return Answer(202, {_ANSWERS[member]: answers})


@contextmanager
def collecting_service() -> Iterator[CollectingService]:
    """Serve until the end of the block."""
    service = CollectingService()
    with json_server(service.respond) as service.url:
        yield service
