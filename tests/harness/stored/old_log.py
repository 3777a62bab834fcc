"""The log of a system from before the service, as a CSV.

Owns its columns, its rows, and the import of it into a service in this process.
"""

import csv
import random
from collections.abc import Sequence
from pathlib import Path

from bandit_svc.services.decision_logs.import_log import Imported, import_log
from bandit_svc.services.decision_logs.imports.read_choices import LogFile
from bandit_svc.services.decision_logs.imports.worded import Wording
from bandit_svc.services.decision_logs.readers.rows import Columns, Reading
from bandit_svc.services.policy_inputs import actions_of, policy_of
from policies.base import Context
from tests.harness.service import Service

COLUMNS = Columns(
    action="shown",
    reward="clicked",
    propensity="p",
    context=("device", "hour", "user.segment"),
    unit="visitor",
)
_NAMES = ("shown", "clicked", "p", "device", "hour", "user.segment", "visitor")
PLAIN = Wording()
STRICT = Reading()


def write_log(path: Path, rows: Sequence[Sequence[object]]) -> Path:
    """Write a log with a line of names."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([_NAMES, *rows])
    return path


def old_rows(count: int, seed: int = 3) -> list[list[object]]:
    """Return rows of a system that chose uniformly; a is best on mobile, else b."""
    rng = random.Random(seed)  # noqa: S311 - a seeded test
    rows: list[list[object]] = []
    for number in range(count):
        device, shown = rng.choice(["mobile", "desktop"]), rng.choice("abc")
        best = "a" if device == "mobile" else "b"
        clicked = int(shown == best and rng.random() < 0.9)
        rows.append([shown, clicked, 1 / 3, device, rng.randrange(24), "x", number])
    return rows


def import_into(
    service: Service,
    path: Path,
    key: str = "hero",
    *,
    columns: Columns = COLUMNS,
    reading: Reading = STRICT,
    wording: Wording = PLAIN,
) -> Imported:
    """Import a file into an experiment."""
    return import_log(
        service.storage,
        service.storage.experiments.get(key),
        LogFile(path, columns, None, reading),
        wording,
        service.now_ms,
    )


def chance_of(service: Service, variant: str, device: str, key: str = "hero") -> float:
    """Return the chance that the newest model gives a variant."""
    definition = service.storage.experiments.get(key).definition
    published = service.model(key)
    policy = policy_of(definition, published.meta.policy, published.state)
    actions = actions_of(definition.active_variants)
    context: Context = {"device": device, "hour": 12, "user": {"segment": "x"}}
    return policy.pmf(context, actions)[[a.key for a in actions].index(variant)]
