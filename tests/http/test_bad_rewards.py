"""A bad reward: a problem with the place of its fault, nothing stored."""

from collections.abc import Callable

Case = tuple[str, str, bytes | str, int, str | None]

REWARD = "POST /v1/rewards"
REWARD_MANY = "POST /v1/rewards/batch"


def reward(fields: str) -> str:
    return '{"decision_id": "GOOD", ' + fields + "}"


LONG = "x" * 257
GIGANTIC = "9" * 400
OBJECTS_1001 = ", ".join(["{}"] * 1001)

CASES: list[Case] = [
    (REWARD, "no id", '{"value": 1}', 400, "/decision_id"),
    (REWARD, "id number", '{"decision_id": 5, "value": 1}', 400, "/decision_id"),
    (REWARD, "id empty", '{"decision_id": "", "value": 1}', 400, "/decision_id"),
    (REWARD, "id forged", '{"decision_id": "FORGED", "value": 1}', 400, "/decision_id"),
    (REWARD, "id foreign", '{"decision_id": "OTHER", "value": 1}', 400, "/decision_id"),
    (
        REWARD,
        "id expired",
        '{"decision_id": "EXPIRED", "value": 1}',
        400,
        "/decision_id",
    ),
    (REWARD, "no value", reward('"metric": "reward"'), 400, "/value"),
    (REWARD, "value null", reward('"value": null'), 400, "/value"),
    (REWARD, "value string", reward('"value": "1"'), 400, "/value"),
    (REWARD, "value true", reward('"value": true'), 400, "/value"),
    (REWARD, "value list", reward('"value": [1]'), 400, "/value"),
    (REWARD, "value NaN", reward('"value": NaN'), 400, "/value"),
    (REWARD, "value infinity", reward('"value": Infinity'), 400, "/value"),
    (REWARD, "value 1e999", reward('"value": -1e999'), 400, "/value"),
    (REWARD, "value gigantic", reward(f'"value": {GIGANTIC}'), 400, "/value"),
    (REWARD, "other above", reward('"value": 2e9, "metric": "m"'), 400, "/value"),
    (REWARD, "metric empty", reward('"value": 1, "metric": ""'), 400, "/metric"),
    (REWARD, "metric odd", reward('"value": 1, "metric": "a b"'), 400, "/metric"),
    (REWARD, "metric null", reward('"value": 1, "metric": null'), 400, "/metric"),
    (
        REWARD,
        "reward_id empty",
        reward('"value": 1, "reward_id": ""'),
        400,
        "/reward_id",
    ),
    (
        REWARD,
        "reward_id long",
        reward(f'"value": 1, "reward_id": "{LONG}"'),
        400,
        "/reward_id",
    ),
    (
        REWARD,
        "no offset",
        reward('"value": 1, "occurred_at": "2027-01-15T08:00:00"'),
        400,
        "/occurred_at",
    ),
    (
        REWARD,
        "not a time",
        reward('"value": 1, "occurred_at": "now"'),
        400,
        "/occurred_at",
    ),
    (
        REWARD,
        "epoch",
        reward('"value": 1, "occurred_at": 1800000000'),
        400,
        "/occurred_at",
    ),
    (
        REWARD,
        "future",
        reward('"value": 1, "occurred_at": "2099-01-01T00:00:00Z"'),
        400,
        "/occurred_at",
    ),
    (
        REWARD,
        "year 1",
        reward('"value": 1, "occurred_at": "0001-01-01T00:00:00+14:00"'),
        400,
        "/occurred_at",
    ),
    (
        REWARD,
        "year 9999",
        reward('"value": 1, "occurred_at": "9999-12-31T23:59:59-14:00"'),
        400,
        "/occurred_at",
    ),
    (REWARD, "unknown field", reward('"value": 1, "x": 1'), 400, "/x"),
    (REWARD, "65 kB", reward(f'"value": 1, "reward_id": "{"x" * 65_536}"'), 413, ""),
    (REWARD_MANY, "no list", "{}", 400, "/rewards"),
    (REWARD_MANY, "1,001", '{"rewards": [' + OBJECTS_1001 + "]}", 400, "/rewards"),
]


def test_a_bad_reward_is_refused_with_its_place_and_nothing_is_stored(
    refused: Callable[[Case], None], case: Case
) -> None:
    refused(case)
