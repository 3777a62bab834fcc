"""Callers of a service that go on while it is killed, and remember its answers."""

import http.client
import json
import random
import threading
from collections.abc import Sequence
from typing import Any

from tests.harness.waiting import GENEROUS_S


class Load(threading.Thread):
    """Asks and reports until stopped; remembers what was acknowledged.

    A decision that gets no answer is asked again under its request_id (every
    second one has one), a reward under its reward_id, as real callers do.
    """

    def __init__(self, port: int, seed: int, experiments: Sequence[str]) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._experiments = experiments
        self._rng = random.Random(seed)  # noqa: S311 - simulated users
        self._connection: http.client.HTTPConnection | None = None
        self.stopped = threading.Event()
        self.decisions: dict[str, tuple[str, float]] = {}
        self.rewards: dict[tuple[str, str], float] = {}
        self.corrected: set[tuple[str, str]] = set()
        self.events: set[tuple[str, str]] = set()
        self.orders: dict[str, float] = {}
        self.buyers: dict[str, str] = {}
        self.corrected_orders: set[str] = set()
        self.people: dict[str, list[int]] = {}
        """What a person's trait may be: that of the last answer, and later ones."""
        self.unanswered = 0

    def run(self) -> None:
        """One decision and mostly one reward a round."""
        count = 0
        while not self.stopped.is_set():
            count += 1
            if self._rng.random() < 0.5:
                self._report(f"event-{self.name}-{count}")
            decided = self._decide(count)
            if self._rng.random() < 0.4:
                self._buy(f"unit-{self.name}-{count}")
            if self._rng.random() < 0.2:
                self._know(count)
            if self.orders and self._rng.random() < 0.2:
                self._refund(self._rng.choice(list(self.orders)))
            if decided is not None and self._rng.random() < 0.7:
                self._reward(decided, f"order-{self.name}-{count}")
            if self.rewards and self._rng.random() < 0.2:
                self._correct(*self._rng.choice(list(self.rewards)))
        self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _decide(self, count: int) -> dict[str, Any] | None:
        body: dict[str, Any] = {
            "experiment": self._rng.choice(self._experiments),
            "unit_id": f"u{self._rng.randrange(500)}",
            "context": {"device": self._rng.choice(["mobile", "desktop"])},
        }
        if count % 2:
            body["request_id"] = f"{self.name}-{count}"
        answer: dict[str, Any] | None = self._send(
            "POST", "/v1/decisions", body, tries=50 if count % 2 else 1
        )
        if answer is not None:
            self.decisions[answer["decision_id"]] = (
                answer["variant"],
                answer["propensity"],
            )
        return answer

    def _report(self, event_id: str) -> None:
        """Report what a unit did; a third of the times twice."""
        unit = f"u{self._rng.randrange(500)}"
        body = {"unit_id": unit, "event": "viewed", "event_id": event_id}
        for _ in range(2 if self._rng.random() < 0.3 else 1):
            if self._send("POST", "/v1/events", body, tries=50) is not None:
                self.events.add((unit, event_id))

    def _buy(self, reward_id: str) -> None:
        """Report what a unit bought, and no decision; a third of the times twice."""
        value = float(self._rng.randrange(2))
        self.buyers[reward_id] = f"u{self._rng.randrange(500)}"
        body = {
            "unit_id": self.buyers[reward_id],
            "experiment": self._rng.choice(self._experiments),
            "value": value,
            "reward_id": reward_id,
        }
        for _ in range(2 if self._rng.random() < 0.3 else 1):
            if self._send("POST", "/v1/rewards", body, tries=50) is not None:
                self.orders[reward_id] = value

    def _refund(self, reward_id: str) -> None:
        """Change what a unit bought, without naming a decision."""
        value = self._rng.choice([0.0, 0.25, 0.5])
        body = {
            "unit_id": self.buyers[reward_id],
            "value": value,
            "reward_id": reward_id,
            "correction": True,
        }
        if self._send("POST", "/v1/rewards", body, tries=50) is not None:
            self.orders[reward_id] = value
            self.corrected_orders.add(reward_id)

    def _know(self, count: int) -> None:
        """Report a trait of one of 20 people, and that they have a device."""
        person = self._rng.randrange(20)
        unit, device = f"p-{self.name}-{person}", f"d-{self.name}-{person}"
        told = self.people.setdefault(unit, [])
        told.append(count)
        body = {"traits": {"count": count}, "links": [device]}
        if self._send("PUT", f"/v1/units/{unit}", body, tries=50) is not None:
            del told[:-1]

    def _reward(self, decided: dict[str, Any], reward_id: str) -> None:
        value = float(decided["variant"] == "b")
        body = {
            "decision_id": decided["decision_id"],
            "value": value,
            "reward_id": reward_id,
        }
        # Sent twice every third time: conversion systems do that too.
        for _ in range(2 if self._rng.random() < 0.3 else 1):
            if self._send("POST", "/v1/rewards", body, tries=50) is not None:
                self.rewards[decided["decision_id"], reward_id] = value

    def _correct(self, decision_id: str, reward_id: str) -> None:
        """Change a reward, often of a decision that was learned from; once or twice."""
        value = self._rng.choice([0.0, 0.25, 0.5, 1.0])
        body = {
            "decision_id": decision_id,
            "value": value,
            "reward_id": reward_id,
            "correction": True,
        }
        for _ in range(2 if self._rng.random() < 0.3 else 1):
            if self._send("POST", "/v1/rewards", body, tries=50) is not None:
                self.rewards[decision_id, reward_id] = value
                self.corrected.add((decision_id, reward_id))

    def _send(self, method: str, path: str, body: dict[str, Any], tries: int) -> Any:
        for _ in range(tries):
            try:
                if self._connection is None:
                    self._connection = http.client.HTTPConnection(
                        "127.0.0.1", self._port, timeout=GENEROUS_S
                    )
                self._connection.request(method, path, json.dumps(body))
                answer = self._connection.getresponse()
                text = answer.read()
                if answer.status in {201, 202}:
                    return json.loads(text)
            except (OSError, http.client.HTTPException):
                self._disconnect()
            self.unanswered += 1
            self.stopped.wait(0.05)
        return None
