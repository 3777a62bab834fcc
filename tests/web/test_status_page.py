"""The status page: readable with none, one and several experiments, and harmless."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from bandit_svc.services.wording import amount, percent

Service = Any

SCRIPT = "<script>alert('x')</script>"


class Page(HTMLParser):
    """The text of a page, its tags, and whether every tag is closed."""

    VOID = frozenset({"meta", "link"})

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not [name for name, _ in attrs if name in {"style", "onload", "onclick"}]
        self.tags.append(tag)
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def page_of(service: Service) -> Page:
    answer = service.get("/")
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    return Page(answer.text)


def earn(service: Service, value: float, decisions: int = 400) -> None:
    """Let the treatment earn a value and the baseline nothing."""
    requests = [{"experiment": "hero", "unit_id": f"u{n}"} for n in range(decisions)]
    found = service.post("/v1/decisions/batch", {"decisions": requests}).json
    rewards = [
        {"decision_id": d["decision_id"], "value": value}
        for d in found["decisions"]
        if d["group"] == "treatment"
    ]
    service.post("/v1/rewards/batch", {"rewards": rewards})
    service.learn(after_s=61)


def test_without_an_experiment_it_says_how_to_make_one(service: Service) -> None:
    page = page_of(service)

    assert "There is no experiment yet" in page.text
    assert "POST /v1/experiments" in page.text
    assert "section" not in page.tags


def test_a_new_experiment_has_dashes_where_nothing_is_known(service: Service) -> None:
    service.create("hero", description="The front page")
    page = page_of(service)

    assert "The front page" in page.text
    assert "Nothing is known yet" in page.text
    assert "not known yet" in page.text
    assert "None" not in page.text


def test_it_shows_decisions_groups_variants_and_the_verdict(service: Service) -> None:
    service.create("hero", holdout=0.5, reward={"window_seconds": 60})
    earn(service, 1.0)
    report = service.get("/v1/experiments/hero/report").json
    page = page_of(service)
    text = re.sub(r"\s+", " ", page.text)

    assert report["verdict"] in text
    assert "The bandit earns more" in text
    for row in report["variants"]:
        row_text = f"{row['variant']} {row['n']} {percent(row['share'])}"
        assert row_text in text
    for group in report["groups"]:
        assert f"{group['group']} {group['n']} {amount(group['mean'])}" in text
    assert 'class="verdict good"' in service.get("/").text


def test_several_experiments_stand_below_each_other(service: Service) -> None:
    for number in range(5):
        service.create(f"e{number}")
    service.patch("/v1/experiments/e3", {"status": "paused"})
    page = page_of(service)

    assert page.tags.count("section") == 5
    assert page.text.count("running") == 4
    assert page.text.count("paused") == 1


def test_what_callers_wrote_is_escaped(service: Service) -> None:
    service.create("hero", description=SCRIPT)
    answer = service.get("/")

    assert SCRIPT not in answer.text
    assert SCRIPT in Page(answer.text).text
    assert "script" not in Page(answer.text).tags


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_page_runs_no_script_and_loads_nothing_from_elsewhere(
    service: Service, path: str
) -> None:
    service.create("hero")
    answer = service.get(path)
    policy = dict(
        part.strip().split(" ", 1)
        for part in answer.headers["Content-Security-Policy"].split(";")
    )

    assert "script" not in Page(answer.text).tags
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert "script-src" not in policy
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', answer.text)


def test_the_style_sheet_needs_no_key(service: Service) -> None:
    with service.client.get("/static/style.css") as answer:
        assert (answer.status_code, answer.mimetype) == (200, "text/css")
        assert answer.text.startswith(":root")


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e9])
def test_no_number_is_longer_than_one_reads(service: Service, scale: float) -> None:
    bounds = {"window_seconds": 60, "minimum": -scale, "maximum": scale}
    service.create("hero", holdout=0.5, reward=bounds)
    earn(service, scale / 3)
    text = page_of(service).text

    assert not re.findall(r"\d{7,}|\d\.\d{5,}", text)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "\N{EN DASH}"),
        (0.0, "0.0000"),
        (0.03125, "0.0312"),
        (-0.5, "\N{MINUS SIGN}0.5000"),
        (-0.00001, "0.0000"),
        (12.345, "12.35"),
        (-12345.6, "\N{MINUS SIGN}12,346"),
        (1_234_567.0, "1.235 M"),
        (1e9, "1.000 bn"),
    ],
)
def test_an_amount_has_as_many_digits_as_one_reads(
    value: float | None, written: str
) -> None:
    assert amount(value) == written
