"""Policies learn from a share of the decisions, and candidates are evaluated on one."""

from typing import Any

import numpy as np
import pytest

from bandit_svc.domain.events.decision_id import uniform_from_id
from bandit_svc.domain.learning.thinning import is_evaluated, is_learned
from bandit_svc.errors import InvalidInput
from bandit_svc.ope.progressive.weighted import Summary, WeightedRewards
from bandit_svc.services.evaluation.evaluate import evaluate
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.services.report.build import build_report
from tests.harness.service import Service

LINEAR = {"kind": "linear"}
SHARE = 0.3


def drawn(service: Service, share: float) -> int:
    return sum(is_learned(one, share) for one in service.joined_ids())


def sums(service: Service, policy: str) -> Summary:
    rows = {row.policy: row for row in service.storage.evaluations.all(1)}
    return WeightedRewards.decode(rows[policy].scores).summary()


def test_the_model_learns_the_drawn_decisions_and_its_replay_is_the_same(
    service: Service,
) -> None:
    service.create(policy=LINEAR, holdout=0.0, learn_share=SHARE)
    for _ in range(3):
        service.rounds(60)
        service.mature()
    model = service.model()

    assert 0 < drawn(service, SHARE) < 180
    assert model.meta.learned == drawn(service, SHARE)
    assert model.meta.spans == ((0, 180),)
    assert service.replay().matches


def test_each_revision_keeps_its_share(service: Service) -> None:
    service.create(policy=LINEAR, holdout=0.0)
    service.rounds(50)
    service.mature()
    service.change(learn_share=SHARE)
    service.rounds(50)
    service.mature()
    ids = service.joined_ids()
    model = service.model()

    later = sum(is_learned(one, SHARE) for one in ids[50:])
    assert model.meta.learned == 50 + later
    assert service.replay().matches


def test_a_changed_policy_learns_the_same_decisions(service: Service) -> None:
    service.create(policy=LINEAR, holdout=0.0, learn_share=SHARE)
    service.rounds(80)
    service.mature()
    service.change(policy={"kind": "thompson"})
    service.mature()

    assert service.model().meta.policy["kind"] == "thompson"
    assert service.model().meta.learned == drawn(service, SHARE)
    assert service.replay().matches


def test_what_is_made_anew_for_a_correction_learns_the_same_decisions(
    service: Service,
) -> None:
    service.create(policy=LINEAR, holdout=0.0, learn_share=SHARE)
    played = service.rounds(80)
    service.reward(played[0], 0.5, reward_id="r")
    service.mature()
    before = service.model()
    service.correct(played[0], 1.0, reward_id="r")
    service.relearn()

    assert service.model().meta.version > before.meta.version
    assert service.model().meta.learned == drawn(service, SHARE)


def test_slots_of_a_page_are_learned_together(service: Service) -> None:
    service.create(policy=LINEAR, holdout=0.0, learn_share=SHARE, slots=2)
    service.rounds(60)
    service.mature()
    examples = JoinedExamples(
        service.storage.joins, Definitions(service.storage.experiments), 1
    )
    by_page: dict[int, set[bool]] = {}
    for rows in examples.rows((0, 60)):
        for row in rows:
            by_page.setdefault(row.position, set()).add(row.learnable)

    assert len(by_page) == 60
    assert {frozenset(one) for one in by_page.values()} == {
        frozenset([True]),
        frozenset([False]),
    }


def test_candidates_are_evaluated_on_the_drawn_decisions_and_learn_as_the_policy(
    service: Service,
) -> None:
    candidate = {"kind": "thompson", "name": "shadow"}
    service.create(
        policy=LINEAR,
        holdout=0.0,
        learn_share=SHARE,
        evaluate_share=0.5,
        candidates=[candidate],
    )
    service.rounds(200)
    service.mature()
    ids = service.joined_ids()
    n = sum(is_evaluated(one, 0.5) for one in ids)
    whole = evaluate(service.storage, service.storage.experiments.get("hero"), {})
    report = build_report(
        service.storage, service.storage.experiments.get("hero"), service.now_ms
    )

    assert 0 < n < 200
    assert {sums(service, p).sums.n for p in ("uniform", "shadow", "fixed:a")} == {n}
    assert {row.n for row in report.policies} == {n}
    assert {row.behind for row in report.policies} == {0}
    assert report.decisions.joined == 200
    assert report.thinning is not None
    assert (report.thinning.learn_share, report.thinning.evaluate_share) == (SHARE, 0.5)
    # On demand all of the log is evaluated.
    assert whole.health[0].status != "fail"
    # Units that come back are known from all decisions, drawn or not.
    assert service.new_learner().tick().idle


def test_whoever_declares_nothing_has_no_line_in_the_report(service: Service) -> None:
    service.create()
    report = build_report(
        service.storage, service.storage.experiments.get("hero"), service.now_ms
    )

    assert report.thinning is None


@pytest.mark.parametrize("share", [0.0, 1.1, float("nan")])
@pytest.mark.parametrize("name", ["learn_share", "evaluate_share"])
def test_a_share_is_above_0_and_at_most_1(
    service: Service, name: str, share: float
) -> None:
    service.create()
    with pytest.raises(InvalidInput, match=f"{name} is .* between 0.001 and 1"):
        service.change(**{name: share})


@pytest.mark.statistical
def test_values_over_drawn_decisions_are_unbiased_under_a_policy_that_learns() -> None:
    """The logged policy follows its own past rewards; 400 logs of 300 decisions.

    The value of always showing b is 0.3 with or without the draw; the mean over 400
    logs has a standard error of about 0.006, and four of them are allowed.
    """
    found: dict[str, list[float]] = {"all": [], "drawn": []}
    for run in range(400):
        log = _adaptive_log(run)
        found["all"].append(float(np.mean([value for _, value in log])))
        values = [value for name, value in log if is_evaluated(name, SHARE)]
        found["drawn"].append(sum(values) / (SHARE * len(log)))
    for values in found.values():
        error = np.std(values) / len(values) ** 0.5
        assert abs(np.mean(values) - 0.3) < 4 * error
    # The draw costs decisions, and nothing else.
    assert np.std(found["drawn"]) > np.std(found["all"])


def _adaptive_log(run: int) -> list[tuple[str, float]]:
    """Return ids with the weighted reward of variant b, of a policy that learns."""
    random = np.random.default_rng([19, run])
    earned, shown = np.ones(2), 2 * np.ones(2)
    log: list[tuple[str, float]] = []
    for place in range(300):
        best = int(np.argmax(earned / shown))
        pmf: Any = np.full(2, 0.1)
        pmf[best] += 0.8
        # The number that the service draws with is of the same id.
        name = f"{run}-{place}"
        chosen = int(uniform_from_id(name, b"draw") < pmf[1])
        reward = float(random.random() < (0.5, 0.3)[chosen])
        log.append((name, reward / pmf[1] if chosen else 0.0))
        earned[chosen] += reward
        shown[chosen] += 1
    return log
