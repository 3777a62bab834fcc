"""A programme splits units once, for all of its experiments."""

from collections import Counter
from typing import Any

import pytest

from tests.harness.worker_in_process import WorkerInProcess

SHOP = {
    "key": "shop",
    "holdout": 0.2,
    "business_as_usual": 0.2,
    "explore": 0.2,
    "layers": {"checkout": ["popup", "banner"]},
}
VARIANTS = [{"key": "nothing"}, {"key": "a"}, {"key": "b"}]
UNITS = [f"u{i}" for i in range(300)]


@pytest.fixture
def shop(service: WorkerInProcess) -> WorkerInProcess:
    """Return a service with a programme of four experiments."""
    assert service.post("/v1/programmes", SHOP).status_code == 201
    usual = {
        "programme": "shop",
        "holdout": 0.25,
        "baseline": {"kind": "fixed", "variant": "a"},
        "variants": VARIANTS,
    }
    service.create("hero", **usual)
    service.create("mail", **usual | {"variants": VARIANTS[1:], "channel": "email"})
    service.create("popup", **usual)
    service.create("banner", **usual)
    return service


def decided(service: WorkerInProcess, key: str) -> list[dict[str, Any]]:
    asked = [{"experiment": key, "unit_id": unit, "context": {}} for unit in UNITS]
    answer = service.post("/v1/decisions/batch", {"decisions": asked})
    return list(answer.json["decisions"])


def looked_up(service: WorkerInProcess, decision: dict[str, Any]) -> dict[str, Any]:
    return dict(service.get(f"/v1/decisions/{decision['decision_id']}").json)


def groups_of(decisions: list[dict[str, Any]]) -> list[str]:
    return [one["programme"]["group"] for one in decisions]


def test_a_unit_has_one_group_in_every_experiment(shop: WorkerInProcess) -> None:
    hero, mail = decided(shop, "hero"), decided(shop, "mail")

    assert groups_of(hero) == groups_of(mail)
    found = Counter(groups_of(hero))
    assert set(found) == {"holdout", "business_as_usual", "explore", "experiment"}
    # A share of .2 of 300 has a standard error of 6.9.
    assert all(abs(found[g] - 60) < 35 for g in found if g != "experiment")


def test_each_group_is_drawn_from_its_own_policy(shop: WorkerInProcess) -> None:
    for key in ("hero", "mail"):
        for one in decided(shop, key):
            record = looked_up(shop, one)
            pmf = {c["variant"]: c["probability"] for c in record["variants"]}
            assert record["programme"] == one["programme"]
            assert one["propensity"] == pmf[one["variant"]]
            match one["programme"]["group"]:
                case "holdout":
                    shown = "nothing" if key == "hero" else "a"
                    assert (pmf[shown], one["group"]) == (1.0, "baseline")
                    assert record["group_chance"] == 0.2
                case "business_as_usual":
                    assert (pmf["a"], one["group"]) == (1.0, "baseline")
                case "explore":
                    assert set(pmf.values()) == {1 / len(pmf)}
                    assert (one["group"], record["source"]) == ("treatment", "explore")
                case "experiment":
                    own = 0.25 if one["group"] == "baseline" else 0.75
                    assert record["group_chance"] == pytest.approx(0.4 * own)


def test_a_unit_meets_one_experiment_of_a_layer(shop: WorkerInProcess) -> None:
    popup, banner = decided(shop, "popup"), decided(shop, "banner")

    for first, second in zip(popup, banner, strict=True):
        instead = [one["programme"].get("instead") for one in (first, second)]
        assert instead in (["banner", None], [None, "popup"])
        apart = first if instead[0] else second
        assert (apart["variant"], apart["group"]) == ("nothing", "baseline")


def test_a_changed_programme_counts_in_the_next_request(shop: WorkerInProcess) -> None:
    before = groups_of(decided(shop, "hero"))
    answer = shop.patch("/v1/programmes/shop", {"holdout": 0.4})
    after = groups_of(decided(shop, "hero"))

    assert answer.json["revision"] == 2
    moves = Counter(zip(before, after, strict=True))
    assert moves["experiment", "holdout"] > 30
    assert all(a == b for a, b in moves if (a, b) != ("experiment", "holdout"))


def test_the_receipt_assigns_the_group_of_that_time_again(
    shop: WorkerInProcess,
) -> None:
    decisions = decided(shop, "hero") + decided(shop, "popup")
    shop.now_ms += 1_000
    shop.patch("/v1/programmes/shop", {"holdout": 0.4, "explore": 0.1})
    shop.learn()

    for one in decisions[::23]:
        at = f"/experiments/{one['experiment']}/decisions/{one['decision_id']}"
        page = shop.get(at).text
        assert "same" in page
        assert "differs" not in page


def test_decisions_of_the_programmes_holdout_are_not_compared(
    shop: WorkerInProcess,
) -> None:
    for one in decided(shop, "hero"):
        shop.reward(one["decision_id"], 1.0)
    shop.learn(after_s=1_801)
    report = shop.get("/v1/experiments/hero/report").json

    seen = report["uplift"]["units"]
    groups = Counter(groups_of(decided(shop, "hero")))
    compared = groups["experiment"] + groups["business_as_usual"]
    assert seen["treatment"] + seen["baseline"] == compared
    assert sum(report["decisions"][g] for g in ("treatment", "baseline")) == len(UNITS)
    assert shop.get("/v1/experiments/hero/report").status_code == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"key": "x", "holdout": "much"}, "/holdout"),
        ({"key": "x", "holdouts": 0.1}, "/holdouts"),
        ({"key": "x", "explore_policy": {"kind": "vw"}}, "/explore_policy/kind"),
        (
            {"key": "x", "explore_policy": {"kind": "fixed", "variant": "a"}},
            "/explore_policy/kind",
        ),
        ({"key": "x", "explore_policy": {"kind": "magic"}}, "/explore_policy/kind"),
        ({"holdout": 0.1}, "/key"),
    ],
)
def test_a_bad_programme_is_refused(
    service: WorkerInProcess, body: dict[str, Any], pointer: str
) -> None:
    answer = service.post("/v1/programmes", body)

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert service.get("/v1/programmes").json == {"programmes": []}


def test_programmes_are_listed_with_their_experiments(shop: WorkerInProcess) -> None:
    (listed,) = shop.get("/v1/programmes").json["programmes"]

    assert listed == shop.get("/v1/programmes/shop").json
    assert listed["experiments"] == ["hero", "mail", "popup", "banner"]
    assert shop.post("/v1/programmes", SHOP).status_code == 409
    assert shop.patch("/v1/programmes/shop", {"key": "other"}).status_code == 400
    assert shop.patch("/v1/programmes/none", {"explore": 0.1}).status_code == 404
    unknown = {"key": "new", "variants": VARIANTS, "programme": "none"}
    answer = shop.post("/v1/experiments", unknown)
    assert [error["pointer"] for error in answer.json["errors"]] == ["/programme"]
    bad = shop.patch("/v1/experiments/hero", {"programme": "none"})
    assert bad.status_code == 400
