"""The floor of the framework: Flask parses the JSON and returns a fixed answer.

Decides nothing, checks no key, stores nothing. POST /v1/decisions and /v1/rewards.
"""

from typing import Any

from flask import Flask, request

application = Flask(__name__)

_DECISION = {
    "decision_id": "0123456789012345678901234567890123456789",
    "experiment": "bench",
    "variant": "hero-0",
    "payload": None,
    "propensity": 0.2,
    "group": "treatment",
    "model_version": 1,
    "expires_at": "2026-01-01T00:00:00.000Z",
}
_REWARD = {
    "decision_id": "0123456789012345678901234567890123456789",
    "metric": "reward",
    "reward_id": None,
    "status": "accepted",
}


@application.post("/v1/decisions")
def decide() -> tuple[dict[str, Any], int]:
    """Parse and answer."""
    request.get_json()
    return _DECISION, 201


@application.post("/v1/rewards")
def reward() -> tuple[dict[str, Any], int]:
    """Parse and answer."""
    request.get_json()
    return _REWARD, 202
