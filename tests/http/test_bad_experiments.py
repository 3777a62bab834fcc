"""A bad definition or change: a problem with its place, nothing stored."""

from collections.abc import Callable

Case = tuple[str, str, bytes | str, int, str | None]

CREATE = "POST /v1/experiments"
CHANGE = "PATCH /v1/experiments/hero"
TWO = '"variants": [{"key": "a"}, {"key": "b"}]'


def experiment(fields: str) -> str:
    return '{"key": "new", ' + TWO + ", " + fields + "}"


def variants(inside: str) -> str:
    return '{"key": "new", "variants": ' + inside + "}"


LONG = "x" * 257
DEEP = "[" * 200 + "]" * 200
GIGANTIC = "9" * 400
VARIANTS_501 = ", ".join(f'{{"key": "v{index}"}}' for index in range(501))

CASES: list[Case] = [
    (CREATE, "no key", f"{{{TWO}}}", 400, "/key"),
    (CREATE, "key taken", f'{{"key": "hero", {TWO}}}', 409, None),
    (CREATE, "key number", f'{{"key": 5, {TWO}}}', 400, "/key"),
    (CREATE, "key odd", f'{{"key": "a/b", {TWO}}}', 400, "/key"),
    (CREATE, "key long", f'{{"key": "{LONG}", {TWO}}}', 400, "/key"),
    (CREATE, "no variants", '{"key": "new"}', 400, "/variants"),
    (CREATE, "variants none", variants("[]"), 400, "/variants"),
    (CREATE, "variants strings", variants('["a"]'), 400, "/variants/0"),
    (CREATE, "variants 501", variants("[" + VARIANTS_501 + "]"), 400, "/variants"),
    (
        CREATE,
        "variants twice",
        variants('[{"key": "a"}, {"key": "a"}]'),
        400,
        "/variants/1/key",
    ),
    (
        CREATE,
        "variants retired",
        variants('[{"key": "a", "retired": true}]'),
        400,
        "/variants",
    ),
    (CREATE, "variant no key", variants('[{"payload": 1}]'), 400, "/variants/0/key"),
    (CREATE, "variant key list", variants('[{"key": ["a"]}]'), 400, "/variants/0/key"),
    (CREATE, "variant field", variants('[{"key": "a", "x": 1}]'), 400, "/variants/0/x"),
    (
        CREATE,
        "features nested",
        variants('[{"key": "a", "features": {"f": [1]}}]'),
        400,
        "/variants/0/features/f",
    ),
    (
        CREATE,
        "payload deep",
        variants(f'[{{"key": "a", "payload": {DEEP}}}]'),
        400,
        "/variants",
    ),
    (
        CREATE,
        "payload large",
        variants(f'[{{"key": "a", "payload": "{"x" * 17_000}"}}]'),
        400,
        "/variants/0/payload",
    ),
    (CREATE, "unknown field", experiment('"x": 1'), 400, "/x"),
    (
        CREATE,
        "description",
        experiment(f'"description": "{"x" * 1001}"'),
        400,
        "/description",
    ),
    (CREATE, "holdout above", experiment('"holdout": 0.95'), 400, "/holdout"),
    (CREATE, "holdout string", experiment('"holdout": "0.1"'), 400, "/holdout"),
    (CREATE, "holdout true", experiment('"holdout": true'), 400, "/holdout"),
    (CREATE, "holdout NaN", experiment('"holdout": NaN'), 400, "/holdout"),
    (CREATE, "holdout 1e999", experiment('"holdout": 1e999'), 400, "/holdout"),
    (CREATE, "holdout gigantic", experiment(f'"holdout": {GIGANTIC}'), 400, "/holdout"),
    (
        CREATE,
        "floor",
        experiment('"exploration_floor": -0.1'),
        400,
        "/exploration_floor",
    ),
    (CREATE, "status", experiment('"status": "on"'), 400, "/status"),
    (CREATE, "policy string", experiment('"policy": "vw"'), 400, "/policy"),
    (
        CREATE,
        "policy kind",
        experiment('"policy": {"kind": "magic"}'),
        400,
        "/policy/kind",
    ),
    (
        CREATE,
        "policy kind list",
        experiment('"policy": {"kind": ["vw"]}'),
        400,
        "/policy/kind",
    ),
    (
        CREATE,
        "policy kind deep",
        experiment(f'"policy": {{"kind": {DEEP}}}'),
        400,
        "/policy",
    ),
    (
        CREATE,
        "policy setting",
        experiment('"policy": {"gamma": 1}'),
        400,
        "/policy/gamma",
    ),
    (
        CREATE,
        "policy value",
        experiment('"policy": {"gamma_scale": "10"}'),
        400,
        "/policy/gamma_scale",
    ),
    (
        CREATE,
        "baseline learns",
        experiment('"baseline": {"kind": "vw"}'),
        400,
        "/baseline/kind",
    ),
    (
        CREATE,
        "baseline variant",
        experiment('"baseline": {"kind":"fixed","variant":"z"}'),
        400,
        "/baseline/variant",
    ),
    (
        CREATE,
        "baseline weights",
        experiment('"baseline": {"kind": "weighted", "weights": {"a.b": -1}}'),
        400,
        "/baseline/weights/a.b",
    ),
    (
        CREATE,
        "window 0",
        experiment('"reward": {"window_seconds": 0}'),
        400,
        "/reward/window_seconds",
    ),
    (
        CREATE,
        "window long",
        experiment('"reward": {"window_seconds": 1e8}'),
        400,
        "/reward/window_seconds",
    ),
    (
        CREATE,
        "range",
        experiment('"reward": {"minimum": 1, "maximum": 1}'),
        400,
        "/reward/maximum",
    ),
    (CREATE, "default", experiment('"reward": {"default": 2}'), 400, "/reward/default"),
    (
        CREATE,
        "aggregate",
        experiment('"reward": {"aggregate": "mean"}'),
        400,
        "/reward/aggregate",
    ),
    (
        CREATE,
        "reward field",
        experiment('"reward": {"window": 5}'),
        400,
        "/reward/window",
    ),
    (CHANGE, "unknown field", '{"x": 1}', 400, "/x"),
    (CHANGE, "key", '{"key": "other"}', 400, "/key"),
    (CHANGE, "variants null", '{"variants": null}', 400, "/variants"),
    (CHANGE, "variants string", '{"variants": "a"}', 400, "/variants"),
    (CHANGE, "variants numbers", '{"variants": [1]}', 400, "/variants/0"),
    (
        CHANGE,
        "variant key list",
        '{"variants": [{"key": ["a"]}]}',
        400,
        "/variants/0/key",
    ),
    (CHANGE, "every variant gone", '{"variants": []}', 400, "/variants"),
    (
        CHANGE,
        "baseline's variant gone",
        '{"variants": [{"key": "b"}]}',
        400,
        "/baseline/variant",
    ),
    (
        CHANGE,
        "aggregate is fixed",
        '{"reward": {"aggregate": "max"}}',
        400,
        "/reward/aggregate",
    ),
    (CHANGE, "maximum is fixed", '{"reward": {"maximum": 2}}', 400, "/reward/maximum"),
    (
        CHANGE,
        "learn_on is fixed",
        '{"reward": {"learn_on": "first_reward"}}',
        400,
        "/reward/learn_on",
    ),
    (
        CHANGE,
        "window null",
        '{"reward": {"window_seconds": "1"}}',
        400,
        "/reward/window_seconds",
    ),
    (
        CHANGE,
        "deep",
        '{"reward": ' + '{"a":' * 200 + "1" + "}" * 200 + "}",
        400,
        "/reward",
    ),
]


def test_a_bad_definition_is_refused_with_its_place_and_nothing_is_stored(
    refused: Callable[[Case], None], case: Case
) -> None:
    refused(case)
