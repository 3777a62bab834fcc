"""The pages of programmes say what they earn, and change their groups."""

import pytest

from tests.harness.pages import Page, Visitor
from tests.harness.worker_in_process import WorkerInProcess


@pytest.fixture
def visitor(service: WorkerInProcess) -> Visitor:
    return Visitor(service)


def test_a_programme_is_created_and_changed_by_its_form(
    service: WorkerInProcess, visitor: Visitor
) -> None:
    made = visitor.confirm(
        "/programmes/new",
        key="shop",
        holdout="0.2",
        layers='{"checkout": ["popup", "banner"]}',
        caps='[{"match": "tag=offer", "max": 1, "per": "30d", "strict": true}]',
        quiet='{"channel": "push", "from": "21:00", "to": "08:00",'
        ' "zone": "unit.zone"}',
    )
    shown = service.get("/v1/programmes/shop").json
    page = visitor.get("/programmes/shop").text
    visitor.confirm("/programmes/shop/change", holdout="0.3", layers="")
    changed = service.get("/v1/programmes/shop").json

    assert made.headers["Location"] == "/programmes/shop"
    assert (shown["holdout"], shown["business_as_usual"]) == (0.2, 0.05)
    assert shown["layers"] == {"checkout": ["popup", "banner"]}
    assert (shown["caps"][0]["match"], shown["quiet"]["from"]) == ("tag=offer", "21:00")
    assert "push: 21:00 to 08:00, unit.zone" in page
    assert (changed["caps"], changed["quiet"]) == (shown["caps"], shown["quiet"])
    assert (changed["holdout"], changed["layers"], changed["revision"]) == (0.3, {}, 2)


def test_each_invalid_field_says_what_it_takes(
    service: WorkerInProcess, visitor: Visitor
) -> None:
    answer = visitor.confirm("/programmes/new", holdout="much", layers="[1")
    page = Page(answer.text)
    odd = visitor.confirm("/programmes/new", key="a b")

    assert (answer.status_code, odd.status_code) == (400, 400)
    assert "'much' is not a number" in page.text
    assert "This is not JSON" in page.text
    assert page.fields["holdout"] == "much"
    assert "A key has 1 to 128 characters" in Page(odd.text).text
    assert service.get("/v1/programmes").json == {"programmes": []}


def test_a_page_says_whether_the_parts_add_up(
    service: WorkerInProcess, visitor: Visitor
) -> None:
    service.post("/v1/programmes", {"key": "shop", "holdout": 0.3})
    variants = [{"key": "nothing"}, {"key": "a"}]
    service.create("hero", programme="shop", variants=variants, holdout=0.3)
    empty = visitor.get("/programmes/shop").text
    for n in range(300):
        decided = service.decide("hero", unit_id=f"u{n}")
        service.reward(decided["decision_id"], float(decided["variant"] == "a"))
    service.learn(after_s=1_801)
    page = visitor.get("/programmes/shop").text
    report = service.get("/v1/programmes/shop/report").json

    assert "nothing can be added up" in empty
    assert report["interaction"]["sentence"][1:] in page
    assert "Every group has its share of the units" in page
    assert "shop" in visitor.get("/programmes").text
