"""What every dashboard must have to be imported and read."""

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from bandit_svc import metrics

Board = dict[str, Any]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
# Of a histogram, as Prometheus stores it.
SERIES_OF_HISTOGRAM = re.compile(r"_(bucket|count|sum)$")
METRIC = re.compile(r"\bbandit_[a-z_]+")
NAMES = ["experiments", "learner", "service"]


def panels(board: Board) -> list[dict[str, Any]]:
    """All but the rows."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries(board: Board) -> list[str]:
    return [target["expr"] for panel in panels(board) for target in panel["targets"]]


def our_metrics() -> set[str]:
    return set(re.findall(r'"(bandit_[a-z_]+)"', Path(metrics.__file__).read_text()))


def test_there_are_three_dashboards_with_uids_and_titles_of_their_own(
    dashboards: dict[str, Board],
) -> None:
    assert list(dashboards) == NAMES
    assert {b["uid"] for b in dashboards.values()} == {f"bandit-{n}" for n in NAMES}
    assert len({b["title"] for b in dashboards.values()}) == len(NAMES)
    # An id would be one of the Grafana that it came from.
    assert all(b["id"] is None for b in dashboards.values())


@pytest.mark.parametrize("name", NAMES)
def test_ids_and_titles_of_panels_are_unique_in_their_row(
    dashboards: dict[str, Board], name: str
) -> None:
    every = dashboards[name]["panels"]
    row = ""
    titles = []
    for panel in every:
        row = panel["title"] if panel["type"] == "row" else row
        titles.append((row, panel["title"]))

    assert len({panel["id"] for panel in every}) == len(every)
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("name", NAMES)
def test_panels_stay_on_the_grid_and_apart(
    dashboards: dict[str, Board], name: str
) -> None:
    places = [
        (panel["title"], panel["gridPos"]) for panel in dashboards[name]["panels"]
    ]
    outside = [
        title
        for title, at in places
        if at["x"] < 0 or at["w"] < 1 or at["h"] < 1 or at["x"] + at["w"] > COLUMNS
    ]
    overlapping = [
        (one, two)
        for (one, a), (two, b) in itertools.combinations(places, 2)
        if a["x"] < b["x"] + b["w"]
        and b["x"] < a["x"] + a["w"]
        and a["y"] < b["y"] + b["h"]
        and b["y"] < a["y"] + a["h"]
    ]

    assert outside == []
    assert overlapping == []


@pytest.mark.parametrize("name", NAMES)
def test_every_line_of_the_grid_is_full(
    dashboards: dict[str, Board], name: str
) -> None:
    """No holes: the cells of all panels are as many as the grid has down to its end."""
    places = [panel["gridPos"] for panel in dashboards[name]["panels"]]
    height = max(at["y"] + at["h"] for at in places)

    assert sum(at["w"] * at["h"] for at in places) == COLUMNS * height


@pytest.mark.parametrize("name", NAMES)
def test_the_data_source_is_a_variable_everywhere(
    dashboards: dict[str, Board], name: str
) -> None:
    first, *others = dashboards[name]["templating"]["list"]

    assert (first["name"], first["type"], first["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )
    assert all(variable["datasource"] == SOURCE for variable in others)
    assert all(panel["datasource"] == SOURCE for panel in panels(dashboards[name]))


@pytest.mark.parametrize("name", NAMES)
def test_every_panel_says_what_it_shows_and_in_which_unit(
    dashboards: dict[str, Board], name: str
) -> None:
    for panel in panels(dashboards[name]):
        defaults = panel["fieldConfig"]["defaults"]
        first, *_ = steps = defaults["thresholds"]["steps"]
        limits = [step["value"] for step in steps[1:]]

        assert panel["description"].endswith("."), panel["title"]
        assert defaults["unit"], panel["title"]
        assert first["value"] is None, panel["title"]
        assert limits == sorted(set(limits)), panel["title"]


@pytest.mark.parametrize("name", NAMES)
def test_every_query_has_a_letter_and_a_legend(
    dashboards: dict[str, Board], name: str
) -> None:
    for panel in panels(dashboards[name]):
        letters = [target["refId"] for target in panel["targets"]]
        legends = [target["legendFormat"] for target in panel["targets"]]

        assert len(set(letters)) == len(letters) > 0, panel["title"]
        # A table shows labels as columns.
        assert panel["type"] == "table" or all(legends), panel["title"]


@pytest.mark.parametrize("name", NAMES)
def test_every_query_is_about_one_service(
    dashboards: dict[str, Board], name: str
) -> None:
    """Two services on one Prometheus must not be added up."""
    selectors = [
        selector
        for query in queries(dashboards[name])
        for selector in re.findall(r"\b(?:bandit_[a-z_]+|up)\b[^{]*\{([^}]*)\}", query)
    ]

    assert selectors
    assert [s for s in selectors if not s.startswith('job="$job"')] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_in_a_query_is_declared(
    dashboards: dict[str, Board], name: str
) -> None:
    board = dashboards[name]
    declared = {variable["name"] for variable in board["templating"]["list"]}
    used = {v for query in queries(board) for v in re.findall(r"\$(\w+)", query)}

    assert used - declared == {"__rate_interval"}
    assert declared - used <= {"datasource"}


def test_every_metric_in_a_query_exists_and_every_metric_is_shown(
    dashboards: dict[str, Board],
) -> None:
    shown = {
        SERIES_OF_HISTOGRAM.sub("", metric)
        for board in dashboards.values()
        for query in queries(board)
        for metric in METRIC.findall(query)
    }

    assert shown == our_metrics()


def test_every_metric_in_an_alert_exists(grafana: Path) -> None:
    expressions = re.sub(
        r"annotations:.*?(?=- alert:|\Z)",
        "",
        (grafana / "alerts.yml").read_text().replace("name: bandit-", "name: "),
        flags=re.DOTALL,
    )
    used = {SERIES_OF_HISTOGRAM.sub("", m) for m in METRIC.findall(expressions)}

    assert used - {"bandit_svc"}
    assert used - our_metrics() == set()
