"""The mapping in docs/webhooks.md is one, and does what the page says of it."""

import re
import tomllib
from pathlib import Path

from bandit_svc.domain.doors.mapped import Incoming, Output, mapped
from bandit_svc.domain.doors.mapping import Rule, parse_mapping

PAGE = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text(encoding="utf-8")
NOW_MS = 1_800_000_000_000


def test_it_makes_a_reward_of_a_payment_and_corrects_it_by_a_refund() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    mapping = parse_mapping(tomllib.loads(text))
    payment = {"payment_intent": "pi_1", "currency": "gbp"}
    session = payment | {"amount_total": 10_000, "client_reference_id": "u"}
    charge = payment | {
        "amount_captured": 10_000,
        "amount_refunded": 2_500,
        "metadata": {"unit_id": "u"},
        "created": NOW_MS // 1_000 - 60,
    }
    found = [
        mapped(mapping, Incoming("evt", kind, {"data": {"object": thing}}), NOW_MS)
        for kind, thing in (
            ("checkout.session.completed", session),
            ("charge.refunded", charge),
        )
    ]
    bodies = [one.body for (one,) in found if isinstance(one, Output)]

    assert [body["value"] for body in bodies] == [117.0, 87.75]
    assert {(body["unit_id"], body["reward_id"]) for body in bodies} == {("u", "pi_1")}
    assert bodies[1]["correction"] is True


def test_every_field_of_a_rule_is_on_the_page() -> None:
    for name in Rule.__struct_fields__:
        assert f"`{name}`" in PAGE, name
