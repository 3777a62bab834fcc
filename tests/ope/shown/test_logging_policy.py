"""Estimated chances of another system: what is learned, kept and never exceeded."""

import numpy as np
import pytest

from bandit_svc.ope.shown.logging_policy import LoggingPolicy, hashed

ACTIONS = ("a", "b", "c")
RULES = {("m", "x"): 0, ("m", "y"): 1, ("d", "x"): 1, ("d", "y"): 2}


def choices(count: int, noise: float) -> list[tuple[tuple[str, str], int]]:
    rng = np.random.default_rng(3)
    cells = list(RULES)
    found = []
    for _ in range(count):
        cell = cells[rng.integers(len(cells))]
        chosen = RULES[cell] if rng.random() >= noise else int(rng.integers(3))
        found.append((cell, chosen))
    return found


@pytest.mark.statistical
@pytest.mark.parametrize("noise", [0.1, 0.6, 1.0])
def test_a_rule_on_two_features_is_learned_with_its_noise(noise: float) -> None:
    """4,000 rounds; each chance within .06 of the truth: the last steps are .03."""
    model = LoggingPolicy()
    for (device, segment), chosen in choices(4_000, noise):
        model.learn(hashed([("d", device), ("s", segment)]), ACTIONS, chosen)
    for (device, segment), rule in RULES.items():
        chances = model.predict(hashed([("d", device), ("s", segment)]), ACTIONS)
        true = np.full(3, noise / 3)
        true[rule] += 1 - noise
        assert float(chances.sum()) == pytest.approx(1.0)
        assert np.abs(chances - true).max() < 0.06


def test_it_is_the_same_after_its_bytes() -> None:
    rounds = choices(200, 0.2)
    models = [LoggingPolicy(), LoggingPolicy()]
    for at, ((device, segment), chosen) in enumerate(rounds):
        features = hashed([("d", device), ("s", segment), ("hour", at % 24)])
        first, second = (model.learn(features, ACTIONS, chosen) for model in models)
        assert np.array_equal(first, second)
        if at % 50 == 0:
            models[1] = LoggingPolicy.from_bytes(models[1].to_bytes())
    assert models[0].to_bytes() == models[1].to_bytes()


def test_other_actions_may_come_at_any_time() -> None:
    model = LoggingPolicy()
    features = hashed([])
    assert model.learn(features, ("a", "b"), 0).tolist() == [0.5, 0.5]
    chances = model.learn(features, ("z", "a"), 1)
    assert chances[1] > 0.5
    many = tuple(f"v{n}" for n in range(200))
    assert model.predict(features, many).sum() == pytest.approx(1.0)


def test_no_value_is_in_its_bytes() -> None:
    model = LoggingPolicy()
    model.learn(hashed([("email", "jane@example.org")]), ACTIONS, 0)
    assert b"jane" not in model.to_bytes()
    assert b"email" not in model.to_bytes()
