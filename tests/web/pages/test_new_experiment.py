"""An experiment by a form, without a script; and the examples for its first request."""

import re
from typing import Any

import pytest
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from policies.kind import PolicyKind
from policies.spec import KINDS
from tests.harness.pages import Page
from tests.harness.worker_in_process import WorkerInProcess

Sent = MultiDict[str, str]


class Visitor:
    """A person with a browser that runs no script."""

    def __init__(self, service: WorkerInProcess, parse: type[Page]) -> None:
        self.client = service.app.test_client()
        self.parse = parse
        self.client.post("/sign-in", data={"key": service.secret})
        self.token = parse(self.client.get("/new").text).fields["form_token"]

    def send(self, fields: dict[str, Any], path: str = "/new") -> TestResponse:
        return self.client.post(path, data={"form_token": self.token, **fields})

    def read(self, answer: TestResponse, status: int = 200) -> Page:
        assert answer.status_code == status, answer.text
        return self.parse(answer.text)


@pytest.fixture
def visitor(service: WorkerInProcess, parse_page: type[Page]) -> Visitor:
    return Visitor(service, parse_page)


def filled(**other: object) -> dict[str, Any]:
    """Fill the form in as a person would; a list is a field of several rows."""
    return {
        "do": "create",
        "key": "hero",
        "variant_key": ["a", "b"],
        "variant_features": ['{"size": 2}', ""],
        "variant_payload": ["", '{"img": "b"}'],
        **other,
    }


def field_problems(source: str) -> dict[str, str]:
    """Return the message at each field that is marked as wrong."""
    marked = re.findall(r'id="([^"]+)" [^>]*aria-invalid="true"', source)
    told = dict(re.findall(r'<p class="problem" id="p-([^"]+)">([^<]*)', source))
    assert set(marked) == set(told) - {"variants"}
    return told


def test_a_form_makes_an_experiment_with_the_defaults_of_the_interface(
    service: WorkerInProcess, visitor: Visitor
) -> None:
    answer = visitor.send(filled())

    assert answer.status_code == 303
    assert answer.headers["Location"] == "/experiments/hero/start"
    made = service.get("/v1/experiments/hero").json
    same = service.create("same", variants=made["variants"])
    for name in set(made) - {"key", "created_at", "revised_at"}:
        assert made[name] == same[name], name


def test_features_of_a_unit_and_kept_choices_are_fields_of_the_form(
    service: WorkerInProcess, visitor: Visitor
) -> None:
    features = '{"views": "count(viewed, 7d)"}'
    sticky = '{"for_seconds": 60, "break_when": ["model"]}'
    enrich = '{"device": {}, "time": {"holidays": "DE"}}'
    sent = visitor.send(filled(features=features, sticky=sticky, enrich=enrich))

    assert sent.status_code == 303
    made = service.get("/v1/experiments/hero").json
    assert made["features"] == {"views": "count(viewed, 7d)"}
    assert made["sticky"]["for_seconds"] == 60
    assert made["enrich"]["time"]["holidays"] == "DE"
    wrong = {"features": '{"views": "views()"}', "sticky": '{"for_seconds": 0}'}
    wrong["enrich"] = '{"time": {"holidays": "Germany"}}'
    answer = visitor.send(filled(key="other", **wrong))
    told = field_problems(answer.text)
    assert answer.status_code == 400
    assert set(told) == {"features", "sticky", "enrich"}


@pytest.mark.parametrize(
    "kind", [k for k in KINDS.values() if not k.needs_settings], ids=lambda k: k.name
)
def test_the_form_lists_the_settings_of_the_chosen_kind(
    visitor: Visitor, kind: PolicyKind
) -> None:
    sent = visitor.send({"policy_kind": kind.name}, "/new/check")

    assert sent.status_code == 200
    assert f'<option value="{kind.name}" selected>' in sent.text
    for setting in kind.every_setting:
        assert re.search(rf"May stay empty[^<]*\b{setting.name}\b", sent.text)


def test_every_field_of_the_form_is_taken(
    service: WorkerInProcess, visitor: Visitor
) -> None:
    visitor.send(
        filled(
            description="Which hero?",
            baseline="b",
            policy_kind="vw",
            policy_settings='{"explorer": "epsilon", "epsilon": 0.2}',
            holdout=" 0.3 ",
            exploration_floor="0.05",
            carry_over="none",
            mode="apprentice",
            switch_at='{"agreement": 0.9}',
            window_seconds="90",
            aggregate="max",
            minimum="-1",
            maximum="5",
            default="-1",
        )
    )

    made = service.get("/v1/experiments/hero").json
    assert made["description"] == "Which hero?"
    assert made["baseline"] == {"kind": "fixed", "variant": "b"}
    assert (made["policy"]["explorer"], made["policy"]["epsilon"]) == ("epsilon", 0.2)
    assert (made["holdout"], made["exploration_floor"]) == (0.3, 0.05)
    assert made["variants"][0]["features"] == {"size": 2}
    assert made["variants"][1]["payload"] == {"img": "b"}
    assert made["carry_over"] == "none"
    assert made["mode"] == "apprentice"
    assert made["switch_at"] == {"agreement": 0.9, "dr_lower": None}
    reward = made["reward"]
    assert (reward["window_seconds"], reward["aggregate"]) == (90.0, "max")
    assert (reward["minimum"], reward["maximum"], reward["default"]) == (-1, 5, -1)


def test_an_empty_largest_reward_is_none(
    service: WorkerInProcess, visitor: Visitor
) -> None:
    visitor.send(filled(maximum=" "))

    assert service.get("/v1/experiments/hero").json["reward"]["maximum"] is None


@pytest.mark.parametrize(
    ("fields", "problems"),
    [
        ({"key": ""}, {"key"}),
        ({"key": "a b"}, {"key"}),
        ({"holdout": "1"}, {"holdout"}),
        ({"holdout": "x", "window_seconds": ""}, {"holdout", "window_seconds"}),
        ({"exploration_floor": "inf"}, {"exploration_floor"}),
        ({"window_seconds": "0"}, {"window_seconds"}),
        ({"minimum": "2"}, {"maximum"}),
        ({"default": "7"}, {"default"}),
        ({"aggregate": "no such one"}, {"aggregate"}),
        ({"carry_over": "perhaps"}, {"carry_over"}),
        ({"mode": "perhaps"}, {"mode"}),
        ({"switch_at": '{"agreement": 2}'}, {"switch_at"}),
        ({"mode": "apprentice", "slots": "2"}, {"mode"}),
        ({"policy_kind": "oracle"}, {"policy_kind"}),
        ({"policy_settings": '{"explorer": "x"}'}, {"policy_settings"}),
        ({"policy_settings": "[1]"}, {"policy_settings"}),
        ({"policy_settings": "{"}, {"policy_settings"}),
        ({"baseline": "z"}, {"baseline"}),
        (
            {
                "key": "",
                "holdout": "7",
                "window_seconds": "x",
                "maximum": "-1",
                "policy_kind": "oracle",
                "variant_key": ["?", "b"],
                "variant_features": ["[1]", '{"a": {}}'],
            },
            {
                *("key", "holdout", "window_seconds", "maximum", "policy_kind"),
                *("variant-0-key", "variant-0-features", "variant-1-features"),
            },
        ),
        ({"variant_key": ["a", "a"]}, {"variant-1-key"}),
        ({"variant_key": ["", "b"]}, {"variant-0-key"}),
        (
            {"variant_features": ["big", "[]"]},
            {"variant-0-features", "variant-1-features"},
        ),
        ({"variant_features": ["{}", '{"a": {}}']}, {"variant-1-features"}),
        ({"variant_payload": ["", "plain"]}, {"variant-1-payload"}),
        ({"variant_payload": ["[" * 90_000, ""]}, {"variant-0-payload"}),
        ({"variant_max_share": ["half", ""]}, {"variant-0-max_share"}),
        ({"variant_max_share": ["", "1.5"]}, {"variant-1-max_share"}),
        ({"variant_max_share": ["0.4", "0.5"]}, {"variant-1-max_share"}),
        ({"variant_when": ["hour >", ""]}, {"variant-0-when"}),
        ({"variant_from": ["", "tomorrow"]}, {"variant-1-from"}),
        ({"variant_until": ["2026-12-24", ""]}, {"variant-0-until"}),
        (
            {
                "variant_from": ["", "2026-12-24T18:00:00Z"],
                "variant_until": ["", "2026-12-01T08:00:00+01:00"],
            },
            {"variant-1-until"},
        ),
        ({"variant_tags": ["offer, two words", ""]}, {"variant-0-tags"}),
        (
            {"event": "e" * 300, "value": "price", "within_seconds": "0"},
            {"event", "value", "within_seconds"},
        ),
        ({"credit": "first", "within_seconds": "a day"}, {"credit", "within_seconds"}),
        ({"description": "x" * 1001}, {"description"}),
        (
            {"variant_key": ["", ""], "variant_features": ["", ""]},
            {"variant-1-key"},
        ),
        (
            {
                "variant_key": ["", ""],
                "variant_features": ["", ""],
                "variant_payload": ["", ""],
            },
            {"variants"},
        ),
    ],
)
def test_a_fault_is_told_at_its_field_and_nothing_is_stored(
    service: WorkerInProcess,
    visitor: Visitor,
    fields: dict[str, Any],
    problems: set[str],
) -> None:
    before = service.stored()

    answer = visitor.send(filled(**fields))

    page = visitor.read(answer, 400)
    told = field_problems(answer.text)
    assert set(told) == problems
    assert "The experiment was not created" in page.text
    assert service.stored() == before


def test_a_form_limits_the_share_of_a_variant(
    service: WorkerInProcess, visitor: Visitor
) -> None:
    visitor.send(filled(variant_max_share=["0.4", " "]))
    found = service.get("/v1/experiments/hero").json

    assert found["variants"][0]["max_share"] == 0.4
    assert "max_share" not in found["variants"][1]
    assert found["policy"]["max_shares"]["shares"] == {"a": 0.4}


def test_a_form_says_when_a_variant_may_be_shown(
    service: WorkerInProcess, visitor: Visitor
) -> None:
    visitor.send(
        filled(
            variant_when=["", " user.tier != 'staff' "],
            variant_from=["", "2026-12-01T08:00:00+01:00"],
            variant_until=["", "2026-12-24T18:00:00+01:00"],
            variant_tags=["", "offer , winter,"],
        )
    )
    always, sometimes = service.get("/v1/experiments/hero").json["variants"]

    assert not {"when", "from", "until", "tags"} & always.keys()
    assert sometimes["when"] == "user.tier != 'staff'"
    assert sometimes["from"] == "2026-12-01T08:00:00+01:00"
    assert sometimes["until"] == "2026-12-24T18:00:00+01:00"
    assert sometimes["tags"] == ["offer", "winter"]


def test_a_form_says_where_rewards_of_units_go(
    service: WorkerInProcess, visitor: Visitor
) -> None:
    fields = {"event": "bought", "value": "properties.price", "credit": "all"}
    visitor.send(filled(**fields, within_seconds="86400"))
    reward = service.get("/v1/experiments/hero").json["reward"]

    assert reward.items() >= (fields | {"within_seconds": 86_400.0}).items()


def test_advanced_fields_are_folded_until_they_hold_something(
    visitor: Visitor,
) -> None:
    empty = visitor.send(filled(do="add")).text
    typed = visitor.send(filled(do="add", variant_tags=["", "offer"])).text
    wrong = visitor.send(filled(within_seconds="x")).text

    assert empty.count("<details open") == 0
    assert typed.count("<details open") == 1
    assert wrong.count('<details class="whole" open') == 1


def test_a_taken_key_is_told_at_the_key(
    service: WorkerInProcess, visitor: Visitor
) -> None:
    service.create("hero")

    answer = visitor.send(filled())

    assert field_problems(answer.text)["key"].startswith("An experiment with this key")


def test_what_was_typed_stays_when_rows_come_and_go(visitor: Visitor) -> None:
    more = visitor.send(filled(do="add", key="<b>")).text
    fields = visitor.parse(more).fields
    assert more.count('name="variant_key"') == 3
    assert fields["key"] == "<b>"

    less = visitor.send(filled(do="remove-0")).text
    assert less.count('name="variant_key"') == 1
    assert visitor.parse(less).fields["variant_key"] == "b"

    none = visitor.send({"do": "remove-0", "variant_key": "a"})
    assert visitor.read(none).fields["variant_key"] == ""


def test_a_form_has_an_end(visitor: Visitor) -> None:
    rows = {f"variant_{name}": ["x"] * 300 for name in ("key", "features", "payload")}

    page = visitor.send({**rows, "do": "add"}).text

    assert page.count('name="variant_key"') == 100
    assert "Add a variant" not in page


def test_a_check_stores_nothing_and_is_silent_on_what_is_still_empty(
    service: WorkerInProcess, visitor: Visitor
) -> None:
    before = service.stored()
    empty = visitor.send({"variant_key": ["", ""]}, "/new/check")
    wrong = visitor.send(filled(holdout="2"), "/new/check")
    right = visitor.send(filled(), "/new/check")

    visitor.read(empty)
    assert field_problems(empty.text) == {}
    assert set(field_problems(wrong.text)) == {"holdout"}
    alone = visitor.send({"holdout": "2", "variant_key": ["", ""]}, "/new/check")
    assert set(field_problems(alone.text)) == {"holdout"}
    assert "Nothing is stored until you create the experiment" in right.text
    assert service.stored() == before


def test_an_experiment_called_new_keeps_its_page_and_the_form_its_own(
    service: WorkerInProcess, visitor: Visitor
) -> None:
    answer = visitor.client.get("/experiments/new")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/new")

    made = visitor.send(filled(key="new"))
    assert made.headers["Location"] == "/experiments/new/start"
    service.decide("new")
    service.learn()

    page = visitor.read(visitor.client.get("/experiments/new"))
    assert "Is the bandit better than the baseline?" in page.text
    assert "New experiment" in visitor.read(visitor.client.get("/new")).text
    visitor.read(visitor.client.get("/experiments/new/decisions"))
    visitor.read(visitor.client.get("/playground/new"))


def test_a_first_request_is_shown_in_three_languages_and_then_its_receipt(
    service: WorkerInProcess, visitor: Visitor
) -> None:
    visitor.send(filled())
    page = visitor.read(visitor.client.get("/experiments/hero/start"))
    assert "waiting for its first decision" in page.text
    for words in ("curl http://localhost/v1/decisions", "BanditClient(", "client.js"):
        assert words in page.text
    assert service.publishable not in page.text
    assert service.secret not in page.text

    made = service.decide("hero", context={"it's": 'a "quote"'})
    service.learn()

    page = visitor.read(visitor.client.get("/experiments/hero/start"))
    receipt = f"/experiments/hero/decisions/{made['decision_id']}"
    assert receipt in page.links
    assert "it's" in page.text


def test_nothing_is_created_without_the_token_of_the_session(
    service: WorkerInProcess, visitor: Visitor
) -> None:
    before = service.stored()

    answer = visitor.send(filled(form_token="wrong"))  # noqa: S106 - not a password

    assert answer.status_code == 403
    assert service.stored() == before
