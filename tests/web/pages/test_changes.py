"""Changing an experiment by its page: what is said before, what is done, who loses."""

from typing import Any

import pytest

from tests.harness.pages import Visitor
from tests.harness.worker_in_process import WorkerInProcess

HOLDOUT = "/experiments/hero/change/holdout"


def definition(service: WorkerInProcess) -> dict[str, Any]:
    return dict(service.get("/v1/experiments/hero").json)


def notes(service: WorkerInProcess) -> list[str]:
    found = service.get("/v1/experiments/hero/revisions").json["revisions"]
    return [one["note"] for one in found]


def test_pausing_says_what_will_happen_does_it_and_tells(
    hero: WorkerInProcess, visitor: Visitor
) -> None:
    path = "/experiments/hero/change/pause"
    asked = visitor.get(path)
    assert "callers get a 409 and show their own default" in asked.text
    assert definition(hero)["status"] == "running"

    text = visitor.told(visitor.confirm(path))

    assert "Revision 2: pause. It is in effect." in text
    assert definition(hero)["status"] == "paused"
    assert notes(hero) == ["", "dashboard: pause"]
    assert hero.post("/v1/decisions", {"experiment": "hero"}).status_code == 409

    visitor.told(visitor.confirm("/experiments/hero/change/resume"))
    assert hero.decide("hero")["experiment"] == "hero"


def test_archiving_says_that_it_is_final_and_leaves_nothing_to_change(
    visitor: Visitor,
) -> None:
    path = "/experiments/hero/change/archive"
    assert "It can't be undone" in visitor.get(path).text

    text = visitor.told(visitor.confirm(path))

    assert "The experiment is archived" in text
    later = visitor.get("/experiments/hero/change/pause")
    assert "is archived for good and can't be changed" in later.text
    assert "revision" not in later.fields


@pytest.mark.parametrize(
    ("path", "sentence", "field", "value"),
    [
        (
            f"{HOLDOUT}?holdout=0.25",
            "15.0 % of all units move from the bandit to the baseline",
            "holdout",
            0.25,
        ),
        (
            f"{HOLDOUT}?holdout=0",
            "10.0 % of all units move from the baseline to the bandit",
            "holdout",
            0.0,
        ),
        (
            "/experiments/hero/change/floor?exploration_floor=0.3",
            # By hand: 0.3 / 3 variants, and 3 / 0.3.
            "a chance of at least 10.0 %, and a decision of the log weighs at most 10",
            "exploration_floor",
            0.3,
        ),
    ],
)
def test_a_changed_number_is_explained_and_taken(
    hero: WorkerInProcess,
    visitor: Visitor,
    path: str,
    sentence: str,
    field: str,
    value: float,
) -> None:
    assert sentence in visitor.get(path).text

    visitor.told(visitor.confirm(path))

    assert definition(hero)[field] == value


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("0.95", "Holdout is 0.95; it must be between 0 and 0.9."),
        ("much", "'much' is not a number. Write a share from 0 to 0.9, such as 0.1"),
        ("", "The field is empty. Write a share from 0 to 0.9, such as 0.1 for 10 %."),
        ("nan", "'nan' is not a number. Write a share from 0 to 0.9, such as 0.1"),
    ],
)
def test_a_number_out_of_range_is_told_at_its_field_and_nothing_is_stored(
    hero: WorkerInProcess, visitor: Visitor, given: str, problem: str
) -> None:
    page = visitor.client.get(f"{HOLDOUT}?holdout={given}").text

    assert 'aria-invalid="true" aria-describedby="p-holdout"' in page
    assert problem in visitor.get(f"{HOLDOUT}?holdout={given}").text

    fields = visitor.get(HOLDOUT + "?holdout=0.2").fields
    answer = visitor.send(HOLDOUT, fields | {"holdout": given})
    assert answer.status_code == 400
    assert definition(hero)["revision"] == 1


def test_a_number_that_is_so_already_changes_nothing(
    hero: WorkerInProcess, visitor: Visitor
) -> None:
    assert "nothing would change" in visitor.get(f"{HOLDOUT}?holdout=0.10").text

    fields = visitor.get(f"{HOLDOUT}?holdout=0.2").fields
    answer = visitor.send(HOLDOUT, fields | {"holdout": "0.1"})

    assert "nothing would change" in answer.text
    assert definition(hero)["revision"] == 1


def test_who_has_seen_an_older_revision_is_told_and_changes_nothing(
    hero: WorkerInProcess, visitor: Visitor
) -> None:
    seen = visitor.get(f"{HOLDOUT}?holdout=0.2").fields
    hero.patch("/v1/experiments/hero", {"holdout": 0.5})

    answer = visitor.send(HOLDOUT, seen)

    assert answer.status_code == 409
    assert "was changed by somebody else: revision 1 was seen, 2 is the newest" in (
        answer.text
    )
    # The page now says what the same change would do to the newest revision.
    assert "20.0 % of the units instead of 50.0 %" in answer.text
    assert definition(hero)["holdout"] == 0.5


@pytest.mark.parametrize("revision", ["", "x", "-1", "٣", "9" * 9_000])
def test_a_form_without_a_revision_has_seen_nothing(
    hero: WorkerInProcess, visitor: Visitor, revision: str
) -> None:
    fields = visitor.get(f"{HOLDOUT}?holdout=0.2").fields

    answer = visitor.send(HOLDOUT, fields | {"revision": revision})

    assert answer.status_code == 409
    assert definition(hero)["revision"] == 1


def test_a_retired_variant_gets_no_traffic_and_can_be_brought_back(
    hero: WorkerInProcess, visitor: Visitor
) -> None:
    path = "/experiments/hero/change/retire?variant=b"
    assert "b gets no traffic from the next request on" in visitor.get(path).text

    visitor.told(visitor.confirm(path))

    assert {hero.decide("hero")["variant"] for _ in range(200)} <= {"a", "c"}
    assert notes(hero)[-1] == "dashboard: retire b"

    visitor.told(visitor.confirm("/experiments/hero/change/bring-back?variant=b"))
    kept = {v["key"]: v for v in definition(hero)["variants"]}
    assert not kept["b"]["retired"]
    assert kept["a"]["payload"] == {"img": "a"}


def test_retiring_what_the_baseline_shows_asks_for_another(
    hero: WorkerInProcess, visitor: Visitor
) -> None:
    path = "/experiments/hero/change/retire?variant=a"
    asked = visitor.get(path)
    assert "The baseline always shows this variant" in asked.text
    assert "revision" not in asked.fields

    text = visitor.get(f"{path}&baseline=c").text
    assert "The holdout is shown c from the next request on" in text

    visitor.told(visitor.confirm(f"{path}&baseline=c"))
    assert definition(hero)["baseline"] == {"kind": "fixed", "variant": "c"}


def test_a_promoted_candidate_becomes_the_policy(
    hero: WorkerInProcess, visitor: Visitor
) -> None:
    path = "/experiments/hero/change/promote?candidate=straight&share=1"
    assert "trained in the background, from the whole log" in visitor.get(path).text

    visitor.told(visitor.confirm(path))
    hero.learn()

    assert definition(hero)["policy"]["kind"] == "linear"
    models = hero.get("/v1/experiments/hero/models").json["models"]
    assert models[0]["policy"]["kind"] == "linear"


def test_a_promoted_candidate_gets_a_share_of_the_units_at_first(
    hero: WorkerInProcess, visitor: Visitor
) -> None:
    path = "/experiments/hero/change/promote?candidate=straight"
    asked = visitor.get(path).text
    assert "then 10.0 % of the bandit's units get it" in asked
    wrong = visitor.get(f"{path}&share=2").text
    assert "must be above 0 and below 1" in wrong

    visitor.told(visitor.confirm(path))
    hero.learn()

    assert definition(hero)["policy"]["kind"] != "linear"
    current = hero.get("/v1/experiments/hero/splits").json["current"]
    assert (current["name"], current["share"]) == ("straight", 0.1)
    assert current["policy"]["kind"] == "linear"
    assert current["steps"][0]["who"] == "dashboard"


def test_a_restored_model_serves_again(hero: WorkerInProcess, visitor: Visitor) -> None:
    path = "/experiments/hero/models/1/restore"
    newest = hero.get("/v1/experiments/hero/models").json["models"][0]["version"]
    asked = visitor.get(path)
    assert "Version 1, which had learned from" in asked.text
    assert "is left out of the model for good" in asked.text

    text = visitor.told(visitor.confirm(path))

    assert f"Model version 1 serves again, as version {newest + 1}." in text
    models = hero.get("/v1/experiments/hero/models").json["models"]
    assert models[0]["restored_from"] == 1


def test_restoring_after_somebody_elses_change_is_a_conflict(
    hero: WorkerInProcess, visitor: Visitor
) -> None:
    path = "/experiments/hero/models/1/restore"
    seen = visitor.get(path).fields
    hero.patch("/v1/experiments/hero", {"holdout": 0.5})

    assert visitor.send(path, seen).status_code == 409


@pytest.mark.parametrize(
    "path",
    [
        "/experiments/hero/change/nothing",
        "/experiments/nope/change/pause",
        "/experiments/hero/models/999/restore",
    ],
)
def test_what_can_not_be_changed_is_not_there(visitor: Visitor, path: str) -> None:
    visitor.get(path, 404)


@pytest.mark.parametrize(
    "path",
    [
        "/experiments/hero/change/retire?variant=nope",
        "/experiments/hero/change/promote?candidate=nope",
        "/experiments/hero/change/promote",
    ],
)
def test_what_a_change_names_must_exist(visitor: Visitor, path: str) -> None:
    page = visitor.get(path)

    assert "There is no" in page.text
    assert "revision" not in page.fields


def test_nothing_changes_without_the_token_of_the_session(
    hero: WorkerInProcess, visitor: Visitor
) -> None:
    for path in (f"{HOLDOUT}?holdout=0.2", "/experiments/hero/models/1/restore"):
        fields = visitor.get(path).fields

        answer = visitor.send(path, fields | {"form_token": "wrong"})

        assert answer.status_code == 403
    assert definition(hero)["revision"] == 1


def test_a_message_is_told_for_a_while_and_only_if_it_is_true(
    hero: WorkerInProcess, visitor: Visitor
) -> None:
    visitor.confirm("/experiments/hero/change/pause")
    told = "It is in effect"

    assert told in visitor.get("/experiments/hero?done=2").text
    assert told not in visitor.get("/experiments/hero?done=1").text
    assert told not in visitor.get("/experiments/hero?done=<b>").text
    assert "serves again" not in visitor.get("/experiments/hero?model=1").text
    hero.now_ms += 11 * 60_000
    assert told not in visitor.get("/experiments/hero?done=2").text
