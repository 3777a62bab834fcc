"""Every query of every panel gives data, asked of a Prometheus that scrapes a service.

The dashboards' variables are filled as Grafana fills them.
"""

import math
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from simulators.traffic import simulate
from simulators.worlds.registry import world
from tests.harness.nats.servers import nats_server
from tests.harness.prometheus import Prometheus
from tests.harness.served import Served, StartServed
from tests.harness.stored.postgres import postgres_server, url_of
from tests.harness.waiting import GENEROUS_S, wait_until

pytestmark = pytest.mark.e2e

WORLD = "hero"
KEY = world(WORLD).key
APPRENTICE = "novice"
APPRENTICE_EVERY_S = 0.5
# Long enough for four scrapes, as Grafana chooses it.
RATE_INTERVAL = "4s"
CLUSTER = "Cluster"
LOOK_BACK_S = 60.0
# These would be true of the very machine that runs the test.
MUST_BE_QUIET = {
    "BanditTargetDown",
    "BanditServerErrors",
    "BanditFallbacks",
    "BanditLearnerDown",
    "BanditLearnerFrozen",
    "BanditLearnerStalled",
    "BanditModelNotPublished",
    "BanditLogBacklog",
}

Board = dict[str, Any]
Target = dict[str, Any]


@pytest.fixture
def scraped(
    start_service: Callable[[], Served],
    start_prometheus: Callable[[str], Prometheus],
) -> Iterator[Prometheus]:
    """A Prometheus over a service with visitors, a guardrail, a cap, an apprentice."""
    service = start_service()
    capped = {"match": "channel=email", "max": 2, "per": "7d"}
    assert service.post("/v1/programmes", {"key": "shop", "caps": [capped]})
    definition = world(WORLD).experiment()
    definition |= {
        "holdout": 0.3,
        "metrics": [{"name": "returns", "minimum": 0, "maximum": 1, "margin": 0.1}],
    }
    definition["reward"] |= {"window_seconds": 1.0, "grace_seconds": 0.2}
    assert service.post("/v1/experiments", definition) is not None
    novice = {
        "key": APPRENTICE,
        "mode": "apprentice",
        "enrich": {"device": {}},
        "variants": [{"key": "a"}, {"key": "b"}],
        "reward": {"window_seconds": 1.0, "grace_seconds": 0.2},
    }
    assert service.post("/v1/experiments", novice) is not None
    prometheus = start_prometheus(f"127.0.0.1:{service.port}")
    stop = threading.Event()
    shown = threading.Thread(target=show, args=(service, stop))
    shown.start()
    visitors = threading.Thread(
        target=simulate,
        args=(WORLD, service.url, 1_000_000, 7),
        kwargs={"rate": 200.0, "stop": stop, "timeout_s": GENEROUS_S},
    )
    visitors.start()
    yield prometheus
    stop.set()
    visitors.join()
    shown.join()


def show(service: Served, stop: threading.Event) -> None:
    """Send what a system that chooses at random shows, and what it earns."""
    generator = np.random.default_rng(7)
    while not stop.wait(APPRENTICE_EVERY_S):
        asked = [
            {
                "experiment": APPRENTICE,
                "unit_id": f"u{generator.integers(10**9)}",
                "user_agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
                "shown": str(generator.choice(["a", "b"])),
                "shown_propensity": 0.5,
            }
            for _ in range(50)
        ]
        made = service.post("/v1/decisions/batch", {"decisions": asked})
        rewards = [
            {"decision_id": one["decision_id"], "value": float(one["variant"] == "b")}
            for one in made["decisions"]
        ]
        service.post("/v1/rewards/batch", {"rewards": rewards})


def variables(prometheus: Prometheus, board: Board) -> dict[str, str]:
    """Choose what Grafana would on import: all of it, or the first that there is."""
    chosen = {"__rate_interval": RATE_INTERVAL}
    for variable in board["templating"]["list"]:
        if variable["type"] != "query":
            continue
        query = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
        assert query is not None
        selector = filled(query[1], chosen)
        path = f"/api/v1/label/{query[2]}/values"
        found = prometheus.ask(path, **{"match[]": selector})
        assert found, f"{variable['name']} of {board['title']} has nothing to choose"
        chosen[variable["name"]] = variable.get("allValue") or found[0]
    return chosen


def filled(text: str, chosen: dict[str, str]) -> str:
    """Put values in the place of variables."""
    return re.sub(r"\$(\w+)", lambda found: chosen[found[1]], text)


def answer(prometheus: Prometheus, target: Target, chosen: dict[str, str]) -> list[Any]:
    """Ask a panel's query as Grafana does; give the series with a number in them."""
    query, now_s = filled(target["expr"], chosen), time.time()
    if target.get("instant"):
        found = prometheus.ask("/api/v1/query", query=query, time=str(now_s))
        series = [(one["metric"], [one["value"]]) for one in found["result"]]
    else:
        span = {"start": str(now_s - LOOK_BACK_S), "end": str(now_s), "step": "1"}
        found = prometheus.ask("/api/v1/query_range", query=query, **span)
        series = [(one["metric"], one["values"]) for one in found["result"]]
    return [
        labels
        for labels, values in series
        if any(math.isfinite(float(value)) for _, value in values)
    ]


def of_cluster(board: Board) -> list[Target]:
    """Return the panels of the row Cluster, which only a form with a stream fills."""
    every = board["panels"]
    rows = [panel["title"] for panel in every if panel["type"] == "row"]
    if CLUSTER not in rows:
        return []
    assert rows[-1] == CLUSTER
    titles = [panel["title"] for panel in every]
    return list(every[titles.index(CLUSTER) :])


def unanswered(
    prometheus: Prometheus,
    boards: dict[str, Board],
    chosen: dict[str, dict[str, str]],
    *,
    cluster: bool = False,
) -> list[str]:
    """Name the queries that give no number, or not the labels of their legend."""
    missing = []
    for name, board in boards.items():
        scaled = of_cluster(board)
        for panel in board["panels"]:
            if (panel in scaled) is not cluster:
                continue
            # These panels are empty for an experiment that is live.
            of_it = {"experiment": APPRENTICE} if "apprentice" in panel["title"] else {}
            for target in panel.get("targets", []):
                series = answer(prometheus, target, chosen[name] | of_it)
                legend = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
                if not series or not all(legend <= set(labels) for labels in series):
                    missing.append(f"{name}, {panel['title']}: {target['expr']}")
    return missing


def test_every_panel_has_data_and_no_alert_is_mistaken(
    scraped: Prometheus, dashboards: dict[str, Board]
) -> None:
    scraped.wait_for(lambda: has_policy_values(scraped), "estimating policies")
    chosen = {name: variables(scraped, board) for name, board in dashboards.items()}
    missing: list[str] = []

    def answered() -> bool:
        missing[:] = unanswered(scraped, dashboards, chosen)
        return not missing

    wait_until(answered, "every query answered", output=lambda: "\n".join(missing))

    assert {rule["health"] for rule in rules(scraped)} == {"ok"}
    # Its last evaluation may be from before the learner's first report.
    scraped.wait_for(lambda: not mistaken(scraped), "quiet about what is well")


def test_every_panel_of_a_cluster_has_data(
    start_service: StartServed,
    start_prometheus: Callable[[str], Prometheus],
    dashboards: dict[str, Board],
) -> None:
    boards = {"service": dashboards["service"]}
    missing: list[str] = []
    with nats_server() as stream, postgres_server() as store:
        service = start_service(
            store=url_of(store, "board"), stream=f"{stream.address}/board?partitions=2"
        )
        prometheus = start_prometheus(f"127.0.0.1:{service.port}")
        prometheus.wait_for(lambda: is_scraped(prometheus), "the service scraped")
        chosen = {"service": variables(prometheus, boards["service"])}

        def answered() -> bool:
            missing[:] = unanswered(prometheus, boards, chosen, cluster=True)
            return not missing

        wait_until(answered, "every query answered", output=lambda: "\n".join(missing))
        service.stop()


def is_scraped(prometheus: Prometheus) -> bool:
    """Return True once Prometheus has an answer of the service."""
    return bool(prometheus.ask("/api/v1/query", query="bandit_build_info")["result"])


def rules(prometheus: Prometheus) -> list[Any]:
    """Every alert, with its state at its last evaluation."""
    groups = prometheus.ask("/api/v1/rules")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def mistaken(prometheus: Prometheus) -> set[str]:
    active = {r["name"] for r in rules(prometheus) if r["state"] != "inactive"}
    return active & MUST_BE_QUIET


def has_policy_values(prometheus: Prometheus) -> bool:
    selector = f'bandit_policy_value{{experiment="{KEY}"}}'
    found = prometheus.ask("/api/v1/query", query=f"count({selector} > -1)")
    return bool(found["result"])
