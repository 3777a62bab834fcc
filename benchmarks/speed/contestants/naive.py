"""A service that somebody could write in an afternoon.

Flask, one Vowpal Wabbit workspace under a lock, one SQLite insert a request (WAL, the
default durability), a random id. It draws from the pmf and logs the propensity; it
checks no key, learns nothing, and has no holdout. POST /v1/decisions and /v1/rewards.
"""

import json
import os
import random
import sqlite3
import threading
import uuid
from typing import Any

from flask import Flask, request
from vowpalwabbit import Workspace

application = Flask(__name__)

_VARIANTS = [f"hero-{index}" for index in range(5)]
_OPTIONS = "--cb_explore_adf --squarecb --gamma_scale 100 --cb_type mtr -q UA --quiet"
_DATABASE = os.environ["NAIVE_DATABASE"]
_workspace = Workspace(_OPTIONS)
_workspace_lock = threading.Lock()
_here = threading.local()


def _database() -> sqlite3.Connection:
    if not hasattr(_here, "database"):
        _here.database = sqlite3.connect(_DATABASE, timeout=30)
    database: sqlite3.Connection = _here.database
    return database


def _create() -> None:
    with sqlite3.connect(_DATABASE, timeout=30) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute(
            "CREATE TABLE IF NOT EXISTS decisions "
            "(id TEXT PRIMARY KEY, context TEXT, pmf TEXT, chosen INTEGER)"
        )
        database.execute("CREATE TABLE IF NOT EXISTS rewards (id TEXT, value REAL)")


def _example(context: dict[str, Any]) -> str:
    features = " ".join(
        f"{name}={value}" if isinstance(value, str) else f"{name}:{float(value)}"
        for name, value in context.items()
    )
    return "\n".join(
        [f"shared |U {features}", *(f"|A variant={key}" for key in _VARIANTS)]
    )


@application.post("/v1/decisions")
def decide() -> tuple[dict[str, Any], int]:
    """Predict, draw, insert, answer."""
    asked = request.get_json()
    example = _example(asked["context"])
    with _workspace_lock:
        pmf = _workspace.predict(example)
    chosen = random.choices(range(len(pmf)), pmf)[0]  # noqa: S311 - as they would
    decision_id = str(uuid.uuid4())
    with _database() as database:
        database.execute(
            "INSERT INTO decisions VALUES (?, ?, ?, ?)",
            (decision_id, json.dumps(asked["context"]), json.dumps(pmf), chosen),
        )
    return {
        "decision_id": decision_id,
        "variant": _VARIANTS[chosen],
        "propensity": pmf[chosen],
    }, 201


@application.post("/v1/rewards")
def reward() -> tuple[dict[str, Any], int]:
    """Insert, answer."""
    asked = request.get_json()
    with _database() as database:
        database.execute(
            "INSERT INTO rewards VALUES (?, ?)", (asked["decision_id"], asked["value"])
        )
    return {"status": "accepted"}, 202


_create()
