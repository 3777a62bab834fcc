"""A definition that is accepted gets a model; any other is refused."""

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.variant import Variant
from bandit_svc.errors import InvalidInput
from bandit_svc.services.managing.rehearsal import check_rehearsal
from policies.settings import Choice
from policies.spec import KINDS
from tests.harness.service import Service

ODD = (0.0, 1.0, 1e-44, 1e-38, 1e30, 1e308, -1e308, 5e-324, 12345678.9, True, "x y|z:1")
REWARDS: Sequence[Mapping[str, Any]] = (
    {},
    {"maximum": None},
    {"maximum": 1e9},
    {"minimum": -1e9, "maximum": 1e9},
    {"maximum": 1e-300},
)
# Found by a search of 10,000 such definitions: no model of them could be published.
FOUND = (
    {
        "policy": {"kind": "auto", "horizon": 10.0, "gamma_scale": 0.0},
        "variants": [{"key": "a"}, {"key": "b", "features": {"f": 1.0}}],
        "reward": {"minimum": -1e9, "maximum": 1e9},
    },
    {
        "policy": {"kind": "auto"},
        "variants": [
            {"key": "a", "features": {"f": 1e30, "g": 1e-44}},
            {"key": "b", "features": {"f": 1e-44, "g": 1e-38}},
        ],
        "reward": {"maximum": 1e9},
    },
)
DRAWN = 40


def drawn(draw: random.Random) -> dict[str, Any]:
    """Return a definition whose settings, numbers and rewards are at their ends."""
    kind = draw.choice(["auto", "vw", "linear", "thompson", "epsilon_greedy"])
    spec: dict[str, Any] = {"kind": kind}
    settings = KINDS[kind].settings
    for setting in draw.sample(settings, min(len(settings), draw.randint(0, 2))):
        if isinstance(setting, Choice):
            spec[setting.name] = draw.choice(setting.choices)
    variants = [
        {"key": key, "features": {f"f{n}": draw.choice(ODD) for n in range(3)}}
        for key in "abc"
    ]
    return {"policy": spec, "variants": variants, "reward": draw.choice(REWARDS)}


@pytest.mark.parametrize(
    "definition", [*FOUND, *map(drawn, map(random.Random, range(DRAWN)))]
)
def test_an_accepted_definition_gets_a_model(
    service: Service, definition: dict[str, Any]
) -> None:
    try:
        experiment = service.create(holdout=0.0, **definition)
    except InvalidInput:
        return
    best = experiment.definition.reward.maximum
    for number in range(6):
        decided = service.decide(unit_id=f"u{number}", context={"hour": number})
        service.reward(decided, value=1.0 if best is None else best)
    tick = service.mature_only()

    assert tick.trained["hero"].fault is None
    assert service.model().meta.learned == 6


def test_the_variant_that_fails_alone_is_named() -> None:
    variants = (Variant("a"), Variant("b", features={"x": math.nan}))
    definition = Definition("hero", variants, policy={"kind": "vw"})

    with pytest.raises(InvalidInput) as refused:
        check_rehearsal(definition)
    assert refused.value.fields[0].pointer == "/variants/1/features"
    assert "fails in a rehearsal of 6 decisions" in refused.value.message


def test_a_policy_that_fails_at_every_variant_is_named() -> None:
    definition = Definition("hero", (Variant("a"),), policy={"kind": "future"})

    with pytest.raises(InvalidInput) as refused:
        check_rehearsal(definition)
    assert refused.value.fields[0].pointer.startswith(("/policy", "/variants/0"))
