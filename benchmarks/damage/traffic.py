"""Real traffic for the logs that are damaged: the same facts at every call.

Owns two experiments and what their visitors do: plain and deferred decisions,
activations, rewards of two metrics. Every fact goes through the verbs of serving and
the real writer; ids come from a seeded generator.
"""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bandit_svc.domain.events.decision_id import ENTROPY_BYTES, SECRET_BYTES
from bandit_svc.errors import Unavailable
from bandit_svc.services.managing import lifecycle
from bandit_svc.services.serving.activate import activate
from bandit_svc.services.serving.decide import Decided, DecisionRequest, decide
from bandit_svc.services.serving.record_reward import RewardReport, record_reward
from bandit_svc.settings import Settings
from bandit_svc.storage.interface import Storage
from bandit_svc.wiring import Worker

START_MS = 1_790_000_000_000
LATER_MS = START_MS + 10_000_000
EVERY_MS = 10
SEGMENT_BYTES = 5_000
_SECRET = bytes(range(SECRET_BYTES))
_TRIES = 3
_VARIANTS = [
    {"key": f"hero-{n}", "features": {"category": f"c{n % 3}", "price": n / 5}}
    for n in range(5)
]
DEFINITIONS: tuple[dict[str, Any], ...] = (
    {
        "key": "hero",
        "variants": _VARIANTS,
        "holdout": 0.2,
        "reward": {"window_seconds": 1},
        "metrics": [{"name": "revenue", "minimum": 0.0, "maximum": 9.0}],
    },
    {
        "key": "popup",
        "variants": [{"key": "show"}, {"key": "hide"}],
        "policy": {"kind": "linear"},
        "holdout": 0.1,
        "reward": {"window_seconds": 1, "learn_on": "first_reward"},
    },
)


def settings_of(folder: Path) -> Settings:
    """Return the settings of a data folder with small segments."""
    return Settings(
        data=str(folder),
        dev=True,
        fsync="never",
        publish_every_ms=0,
        segment_bytes=SEGMENT_BYTES,
        log_least_free_bytes=0,
    )


def create(storage: Storage) -> None:
    """Make the store with its experiments."""
    storage.migrate()
    storage.initialise(_SECRET, START_MS)
    for raw in DEFINITIONS:
        definition = lifecycle.convert_definition(dict(raw))
        lifecycle.create(storage, definition, f"salt-{raw['key']}", START_MS)


def play(
    workers: Sequence[Worker], turns: range, start_ms: int = START_MS
) -> list[str]:
    """Let visitors come, one a turn, and return the ids of their decisions.

    A fact that is refused is sent again, as a caller does.
    """
    return [_visit(workers, turn, start_ms + turn * EVERY_MS) for turn in turns]


def _visit(workers: Sequence[Worker], turn: int, now_ms: int) -> str:
    generator = random.Random(turn)  # noqa: S311 - visitors
    deferred = turn % 3 == 0
    context = {
        "device": generator.choice(["mobile", "desktop"]),
        "hour": generator.randrange(24),
        "visits": generator.random(),
    }
    request = DecisionRequest(
        "popup" if deferred else "hero",
        unit_id=f"visitor-{turn}",
        context=context,
        request_id=f"request-{turn}" if turn % 7 == 0 else None,
        defer=deferred,
    )
    entropy = generator.randbytes(ENTROPY_BYTES)
    decided = _decided(workers[turn % len(workers)], request, now_ms, entropy)
    other = workers[(turn // 2) % len(workers)]
    if not deferred or turn % 4:
        _follow(other, decided, turn, now_ms + 1)
    return decided.decision.id


def _follow(worker: Worker, decided: Decided, turn: int, now_ms: int) -> None:
    """Report what the visitor does next."""
    decision_id = decided.decision.id
    deferred = decided.decision.deferred
    if deferred:
        for _ in range(_TRIES):
            try:
                activate(worker.serving, decision_id, now_ms)
                break
            except Unavailable:
                continue
    reports = []
    # A reward shows a deferred decision too: it would make up for a lost activation.
    if turn % 2 and not deferred:
        reports.append(RewardReport(decision_id, float(turn % 3 > 0), reward_id="r1"))
    if turn % 5 == 0 and not deferred:
        reports.append(RewardReport(decision_id, 0.5, metric="revenue"))
    for report in reports:
        for _ in range(_TRIES):
            try:
                record_reward(worker.serving, report, now_ms)
                break
            except Unavailable:
                continue


def _decided(
    worker: Worker, request: DecisionRequest, now_ms: int, entropy: bytes
) -> Decided:
    for _ in range(_TRIES - 1):
        try:
            return decide(worker.serving, request, now_ms, entropy)
        except Unavailable:
            continue
    return decide(worker.serving, request, now_ms, entropy)
