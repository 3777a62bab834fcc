"""OpenFeature's SDK and OFREP provider of npm in Node, against a real service."""

import json
from functools import partial
from typing import Any

import pytest

from tests.harness.shop import Shop
from tests.harness.web.npm import Workshop

pytestmark = pytest.mark.e2e

FLAGS: dict[str, tuple[object, object]] = {
    "colour": ("red", "blue"),
    "switch": (True, False),
    "rows": (3, 5),
    "layout": ({"columns": 2}, {"columns": 3}),
    "buy": (None, None),
}


def test_flags_are_decisions_and_what_is_tracked_is_their_reward(
    shop: Shop, workshop: Workshop
) -> None:
    for key, payloads in FLAGS.items():
        variants = [
            {"key": name, "payload": payload}
            for name, payload in zip("ab", payloads, strict=True)
        ]
        reward = {"window_seconds": 5, "event": "bought"}
        definition = {"key": key, "variants": variants, "reward": reward}
        shop.client.create_experiment(definition)
    told: dict[str, Any] = json.loads(
        workshop.run("server_flags.mjs", shop.url, shop.publishable)
    )

    for key, payloads in FLAGS.items():
        details = told["shown" if key == "buy" else key]
        wanted = dict(zip("ab", payloads, strict=True))
        assert "errorCode" not in details
        assert details["value"] == (wanted[details["variant"]] or details["value"])
        assert details["reason"] in {"SPLIT", "STATIC"}
        decision_id = details["flagMetadata"]["decisionId"]
        known = shop.wait_for(partial(shop.look_up, decision_id), "the decision")
        assert known["variant"] == details["variant"]
        assert known["propensity"] == details["flagMetadata"]["propensity"]
        assert known["context"] == {"device": "mobile", "hour": 21}
    codes = [told[name]["errorCode"] for name in ("missing", "nobody", "mistyped")]
    assert codes == ["FLAG_NOT_FOUND", "TARGETING_KEY_MISSING", "TYPE_MISMATCH"]
    assert [told[name]["value"] for name in ("missing", "nobody")] == ["mine"] * 2

    id_ = told["shown"]["flagMetadata"]["decisionId"]
    learned = shop.wait_for(
        lambda: (known := shop.look_up(id_))["state"] == "joined" and known,
        "the decision learned from",
    )
    assert learned["reward"] == 1.0
    (kept,) = learned["rewards"]
    assert (kept["reward_id"], kept["value"]) == ("e-1", 1.0)
