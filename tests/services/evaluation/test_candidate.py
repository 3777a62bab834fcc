"""A candidate's weights are those of its policy's own pmf."""

from typing import Any

import numpy as np
import pytest

from bandit_svc.domain.events.decision import Decision
from bandit_svc.ope.progressive.weighing import weight_of_pmf
from bandit_svc.services.evaluation.candidate import Candidate, own_draw
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.examples import JoinedExamples
from policies.base import Action
from policies.spec import KINDS, build_policy, fixed_weights, normalise_spec
from tests.harness.service import Service

KEYS = ("boots", "sandals", "dress", "coat")
WITHOUT_STATE = [
    dict(example)
    for kind in KINDS.values()
    if kind.fixed_weights is not None
    for example in kind.examples
]
RANDOM_WEIGHTS = 30


def random_specs() -> list[dict[str, Any]]:
    """Draw weights for all or some of the variants; seed 11."""
    rng = np.random.default_rng(11)
    return [
        {
            "kind": "weighted",
            "weights": {
                key: float(rng.choice([0.0, rng.exponential(), 1e-9, 1e9]))
                for key in rng.choice(KEYS, rng.integers(1, 5), replace=False).tolist()
            }
            | {"elsewhere": 1.0},
        }
        for _ in range(RANDOM_WEIGHTS)
    ]


@pytest.mark.parametrize("label", ["mine", "baseline"])
@pytest.mark.parametrize("spec", [*WITHOUT_STATE, *random_specs()], ids=str)
def test_a_candidate_without_state_weighs_by_the_pmf_that_its_policy_has(
    spec: dict[str, Any], label: str, service: Service
) -> None:
    normalised = normalise_spec(spec)
    assert fixed_weights(normalised) is not None
    candidate, policy = Candidate(label, normalised, None), build_policy(normalised)
    definitions = Definitions(service.storage.experiments)
    examples = JoinedExamples(service.storage.joins, definitions, 1)
    rng = np.random.default_rng(5)

    for count in (1, 2, 3, 4):
        variants = tuple(rng.choice(KEYS, count, replace=False).tolist())
        actions = [Action(key) for key in variants]
        logged, predicted = rng.dirichlet(np.ones(count)), rng.random(count).tolist()
        pmf = policy.pmf({}, actions)
        for chosen in range(count):
            decision = Decision(
                id="d", experiment="e", number=1, revision=1, decided_at_ms=0,
                group="treatment", context={}, variants=variants,
                pmf=tuple(logged.tolist()), chosen=chosen,
                propensity=float(logged[chosen]), model_version=0,
            )  # fmt: skip
            draw = own_draw(decision, None)
            assert draw is not None
            for model in (None, predicted):
                found = candidate.weigh(decision, draw, examples, model)
                assert found is not None
                assert found[0] == weight_of_pmf(draw, pmf, model)
