"""What policies would earn by whole pages, over what the service has logged."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bandit_svc.domain.events.decision_id import slot_id
from bandit_svc.domain.slots.places import shown_variants
from bandit_svc.services.decision_logs.export import export
from bandit_svc.services.decision_logs.writers.parquet import write_parquet
from bandit_svc.services.evaluation.evaluate import evaluate
from bandit_svc.services.evaluation.labels import asked_specs
from bandit_svc.services.serving.record_reward import RewardReport, record_reward
from bandit_svc.services.values import SLATE, PolicyRow
from simulators.worlds.home_page import HomePage, Visit
from tests.harness.service import Service

Json = dict[str, Any]
WORLD = HomePage(rows=("trending", "documentaries", "nature", "series"), slots=3)
WEIGHTS = {"trending": 3, "documentaries": 2, "nature": 1, "series": 1}
TARGET = {"trending": 1, "documentaries": 1, "nature": 1, "series": 3}
HOME: Json = {
    "variants": [{"key": row} for row in WORLD.rows],
    "policy": {"kind": "weighted", "weights": WEIGHTS},
    "exploration_floor": 0.1,
    "reward": {"maximum": 3.0, "window_seconds": 1},
    "holdout": 0.1,
}
SCRIPT = Path(__file__).parents[4] / "examples" / "recompute" / "slates.py"


def weighted(
    visit: Visit, above: tuple[str, ...], left: tuple[str, ...]
) -> list[float]:
    del visit, above
    total = sum(TARGET[row] for row in left)
    return [TARGET[row] / total for row in left]


@pytest.fixture
def home(service: Service) -> Service:
    """1,500 pages; what is played is rewarded in its slot, and a few pages as such."""
    service.create(**HOME)
    rng = np.random.default_rng(5)
    for at in range(1_500):
        visit = Visit("documentary", ("morning", "evening")[at % 2], unfinished=False)
        page = service.decide(
            unit_id=f"u-{at}", slots=3, context=dict(visit.context())
        ).decision
        played = WORLD.draw_play(visit, shown_variants(page), rng)
        if played is not None:
            report = RewardReport(slot_id(page.id, played + 1), 1.0)
            record_reward(service.worker.serving, report, service.now_ms)
        if at % 50 == 0:
            report = RewardReport(page.id, 0.5)
            record_reward(service.worker.serving, report, service.now_ms)
        service.now_ms += 1
    service.mature()
    return service


def asked_of(service: Service, *asked: str | Json) -> dict[str, PolicyRow]:
    experiment = service.storage.experiments.get("hero")
    specs = asked_specs(experiment.definition, asked)
    found = evaluate(service.storage, experiment, specs, estimand=SLATE)
    return {row.policy: row for row in found.policies}


def test_estimates_of_pages_hold_what_they_earn(home: Service) -> None:
    spec = {"kind": "weighted", "weights": TARGET, "name": "series-first"}
    row = asked_of(home, spec)["series-first"]

    truth = np.mean(
        [
            WORLD.value(Visit("documentary", part, unfinished=False), weighted)
            for part in ("morning", "evening")
        ]
    )
    # 0.5 for one page in 50, whatever was shown.
    truth += 0.5 / 50
    assert row.refused is None
    assert row.n == row.units
    for name in ("cascade", "cascade_sn", "slate"):
        found = row.estimates[name]
        lower, upper = found.interval
        assert lower is not None
        assert upper is not None
        assert lower <= truth <= upper
        # The intervals hold at every look; at this one the estimate is closer.
        assert found.estimate == pytest.approx(truth, abs=0.08)


def test_an_outsider_recomputes_every_estimate_from_the_export(
    home: Service, tmp_path: Path
) -> None:
    row = asked_of(home, "uniform")["uniform"]
    path = tmp_path / "rows.parquet"
    experiment = home.storage.experiments.get("hero")
    write_parquet(export(home.storage, experiment), path)

    ran = subprocess.run(
        [sys.executable, str(SCRIPT), str(path)],
        capture_output=True,
        check=True,
        text=True,
    )

    again = json.loads(ran.stdout)
    assert again.pop("pages") == row.n
    for name, value in again.items():
        assert row.estimates[name].estimate == pytest.approx(value, abs=1e-9)


def test_a_policy_may_read_the_slot_and_what_stands_above(home: Service) -> None:
    rules = [
        "when slot.number <= 1 then series",
        "when slot.after = 'series' then documentaries",
    ]
    row = asked_of(home, {"kind": "rules", "rules": rules, "name": "ruled"})["ruled"]

    def ruled(
        visit: Visit, above: tuple[str, ...], left: tuple[str, ...]
    ) -> list[float]:
        del visit
        if len(above) < 2:
            row = ("series", "documentaries")[len(above)]
            return [float(one == row) for one in left]
        return [1 / len(left)] * len(left)

    truth = 0.5 / 50 + np.mean(
        [
            WORLD.value(Visit("documentary", part, unfinished=False), ruled)
            for part in ("morning", "evening")
        ]
    )
    lower, upper = row.estimates["cascade"].interval
    assert lower is not None
    assert upper is not None
    assert lower <= truth <= upper


def test_pages_without_a_floor_do_not_count(service: Service) -> None:
    service.create(**HOME | {"exploration_floor": 0.0})
    service.decide(unit_id="u", slots=3)
    service.mature()

    row = asked_of(service, "uniform")["uniform"]

    assert row.n == 0
    assert row.refused is not None
