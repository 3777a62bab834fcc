"""Candidates are evaluated on decisions of the treatment, before they learn."""

import msgspec
import numpy as np
import pytest

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.variant import Variant
from bandit_svc.ope.estimators.weights import WeightedSums
from bandit_svc.ope.progressive.weighted import Summary, WeightedRewards
from bandit_svc.services.evaluation.progressive import Progress
from bandit_svc.services.managing import lifecycle
from bandit_svc.storage.rows import EvaluationChanges, EvaluationRow
from policies.base import Action
from policies.spec import build_policy
from tests.harness.group_draws import mixed_chance
from tests.harness.service import Service

LINEAR = {"kind": "linear"}
ACTIONS = [Action("a"), Action("b"), Action("c")]


def rows_of(service: Service) -> dict[str, EvaluationRow]:
    return {row.policy: row for row in service.storage.evaluations.all(1)}


def summary(service: Service, policy: str) -> Summary:
    return WeightedRewards.decode(rows_of(service)[policy].scores).summary()


def joined(service: Service) -> list[tuple[Decision, float]]:
    """The decisions of both groups with their reward, in the recorded order."""
    rows = service.storage.joins.after(1, 0, 10**6)
    return [(row.decision, row.reward) for row in rows]


def test_every_experiment_has_uniform_the_baseline_and_each_variant(
    service: Service,
) -> None:
    service.create(candidates=[{"kind": "vw", "explorer": "epsilon"}])
    service.rounds(20)
    service.mature()

    assert set(rows_of(service)) == {
        *("uniform", "baseline", "fixed:a", "fixed:b", "fixed:c"),
        *("vw-epsilon", "check:scorecard", "check:history"),
    }


def test_weights_are_target_over_the_chance_of_the_choice_in_either_group(
    service: Service,
) -> None:
    weighted = {"kind": "weighted", "weights": {"a": 3, "c": 1}, "name": "mostly-a"}
    service.create(holdout=0.4, candidates=[weighted])
    service.rounds(80)
    service.mature()
    service.rounds(80)
    service.mature()
    log = joined(service)
    chances = {
        "uniform": dict.fromkeys("abc", 1 / 3),
        "fixed:b": {"b": 1.0},
        "baseline": {"a": 1.0},
        "mostly-a": {"a": 0.75, "c": 0.25},
    }

    assert {d.group for d, _ in log} == {"treatment", "baseline"}
    for policy, chance in chances.items():
        expected = WeightedSums.of(
            [chance.get(d.variant, 0.0) / mixed_chance(d) for d, _ in log],
            [reward for _, reward in log],
        )
        sums = summary(service, policy).sums
        assert sums.n == len(log) == 160
        assert sums.max_weight == pytest.approx(expected.max_weight)
        assert sums.ips == pytest.approx(expected.ips, abs=1e-12)
        assert sums.weight_squared == pytest.approx(expected.weight_squared)


def test_a_unit_that_comes_back_is_weighed_by_its_own_group(service: Service) -> None:
    """A later visit may follow from the group, so that its mixture says nothing."""
    service.create(holdout=0.5)
    for _ in range(3):
        for unit in range(40):
            service.reward(service.decide(unit_id=f"u{unit}"))
        service.mature()
    log, seen = joined(service), set[str | None]()
    weights = []
    for d, _ in log:
        chance = d.propensity if d.unit_id in seen else mixed_chance(d)
        if d.group == "treatment" or d.unit_id not in seen:
            weights.append(1 / 3 / chance)
        seen.add(d.unit_id)
    expected = WeightedSums.of(weights, np.ones(len(weights)))
    sums = summary(service, "uniform").sums

    assert 40 < sums.n == len(weights) < 120
    assert sums.weight_squared == pytest.approx(expected.weight_squared)


def test_the_scorecards_baseline_is_of_the_treatments_decisions_alone(
    service: Service,
) -> None:
    service.create(holdout=0.4)
    service.rounds(80)
    service.mature()
    log = [(d, reward) for d, reward in joined(service) if d.group == "treatment"]
    expected = WeightedSums.of(
        [(d.variant == "a") / d.propensity for d, _ in log], [r for _, r in log]
    )
    sums = summary(service, "check:scorecard").sums

    assert sums.n == len(log) < 80
    assert sums.ips == pytest.approx(expected.ips)


@pytest.mark.parametrize(
    "baseline",
    [
        {"kind": "fixed", "variant": "a"},
        {"kind": "weighted", "weights": {"a": 2, "b": 1}},
    ],
)
def test_the_baselines_weights_are_bounded_by_the_holdout(
    service: Service, baseline: dict[str, object]
) -> None:
    """1 / h, where those of other policies are bounded by K / f / (1 - h)."""
    service.create(holdout=0.1, exploration_floor=0.02, baseline=baseline)
    service.rounds(60)
    service.mature()

    assert [one.limit for one in summary(service, "baseline").stretches] == [10.0]
    (other,) = summary(service, "fixed:c").stretches
    assert other.limit == pytest.approx(3 / 0.02 / 0.9)


def test_rewards_are_scaled_by_the_declared_range(service: Service) -> None:
    service.create(holdout=0.0, reward={"minimum": -1, "maximum": 3, "default": 0})
    service.rounds(60)
    service.mature()
    log = joined(service)
    expected = WeightedSums.of(
        [1 / 3 / d.propensity for d, _ in log], [(r + 1) / 4 for _, r in log]
    )

    assert summary(service, "uniform").sums.ips == pytest.approx(expected.ips)


def test_a_policy_that_learns_is_evaluated_before_it_learns(service: Service) -> None:
    service.create(holdout=0.3, candidates=[LINEAR | {"name": "shadow"}])
    for _ in range(3):
        service.rounds(50)
        service.mature()
    policy = build_policy(rows_of(service)["shadow"].spec)
    weights, rewards = [], []
    for d, reward in joined(service):
        weights.append(policy.pmf(d.context, ACTIONS)[d.chosen] / mixed_chance(d))
        rewards.append(reward)
        if d.group == "treatment":
            policy.learn(d.context, ACTIONS, d.chosen, d.propensity, reward)
    sums = summary(service, "shadow").sums

    assert sums.ips == pytest.approx(WeightedSums.of(weights, rewards).ips, abs=1e-12)
    assert rows_of(service)["shadow"].state == policy.dump()


def steps(service: Service) -> list[Progress]:
    """Tick without any budget, so one batch at a time, until all have caught up."""
    learner = service.new_learner(budget_s=0.0)
    found = [learner.tick().evaluated["hero"]]
    while found[-1].behind:
        found.append(learner.tick().evaluated["hero"])
    return found


def test_a_new_candidate_catches_up_in_the_background(service: Service) -> None:
    service.create()
    service.rounds(1100)
    service.mature()
    # On a busy machine one tick's budget may not do for all of them.
    steps(service)
    others = set(map(repr, rows_of(service).values()))
    service.change(candidates=[{"kind": "thompson"}])
    behind = [s.behind for s in steps(service)]
    rows = rows_of(service)

    assert behind == [600, 100, 0]
    assert rows["thompson"].cursor == 1100
    assert others <= {repr(row) for row in rows.values()}


def test_who_came_later_knows_the_same_as_who_was_there_from_the_start(
    service: Service,
) -> None:
    service.create(candidates=[LINEAR | {"name": "early"}])
    service.rounds(120)
    service.mature()
    service.change(candidates=[LINEAR | {"name": "early"}, LINEAR | {"name": "late"}])
    service.rounds(30)
    service.mature()
    early, late = (rows_of(service)[name] for name in ("early", "late"))

    assert (early.cursor, late.cursor) == (150, 150)
    assert (early.scores, early.state) == (late.scores, late.state)


def test_another_spec_under_the_same_name_begins_anew(service: Service) -> None:
    greedy = {"kind": "epsilon_greedy", "name": "shadow"}
    service.create(candidates=[greedy])
    service.rounds(60)
    service.mature()
    before = rows_of(service)["shadow"]
    service.change(candidates=[greedy | {"epsilon": 0.5}])
    service.mature()
    after = rows_of(service)["shadow"]

    assert after.cursor == before.cursor == 60
    assert after.spec["epsilon"] == 0.5
    assert after.scores != before.scores


@pytest.mark.parametrize("restarted", [False, True])
def test_what_is_no_candidate_any_more_is_forgotten(
    service: Service, *, restarted: bool
) -> None:
    service.create(candidates=[{"kind": "thompson"}])
    service.rounds(20)
    service.mature()
    service.change(candidates=[], variants=[{"key": "a"}, {"key": "b"}])
    (service.new_learner() if restarted else service.learner).tick()

    assert set(rows_of(service)) == {
        *("uniform", "baseline", "fixed:a", "fixed:b"),
        *("check:scorecard", "check:history"),
    }


def test_a_restored_model_leaves_the_candidates_alone(service: Service) -> None:
    service.create(candidates=[LINEAR])
    for _ in range(2):
        service.rounds(30)
        service.mature()
    before = service.storage.evaluations.all(1)
    lifecycle.restore(service.storage, "hero", 1, service.now_ms)
    service.learner.tick()

    assert service.model().meta.version == 3
    assert service.storage.evaluations.all(1) == before


def test_damaged_scores_are_computed_again_from_the_log(service: Service) -> None:
    service.create(candidates=[LINEAR])
    service.rounds(50)
    service.mature()
    service.rounds(10)
    rows = service.storage.evaluations.all(1)
    damaged = tuple(msgspec.structs.replace(row, scores=b"\x00") for row in rows)
    labels = tuple(row.policy for row in rows)
    models = tuple(
        msgspec.structs.replace(row, quality=b"\x00")
        for row in service.storage.evaluations.reward_models(1)
    )
    service.storage.evaluations.save(1, EvaluationChanges(damaged, labels, models))
    service.now_ms += 2000
    service.new_learner().tick()

    (again,) = service.storage.evaluations.reward_models(1)
    assert {row.cursor for row in rows_of(service).values()} == {again.cursor} == {60}
    assert summary(service, "uniform").sums.n == len(joined(service))


def test_a_tick_is_not_idle_while_a_reward_model_catches_up(service: Service) -> None:
    service.create()
    service.rounds(1100)
    service.mature()
    steps(service)
    labels = tuple(rows_of(service))
    service.storage.evaluations.save(1, EvaluationChanges((), labels, ()))
    service.rounds(10)
    service.now_ms += 2000
    # One batch of 500 a tick: the reward model needs three to reach the candidates.
    learner = service.new_learner(budget_s=0.0)
    ticks = [learner.tick() for _ in range(4)]
    progress = [tick.evaluated["hero"] for tick in ticks]

    assert [p.evaluated for p in progress] == [0, 0, 10, 0]
    assert [p.behind for p in progress] == [10, 10, 0, 0]
    assert [tick.idle for tick in ticks] == [False, False, False, True]


def test_a_fixed_variant_is_asked_about_only_where_it_was_eligible(
    service: Service,
) -> None:
    service.create(holdout=0.0)
    service.rounds(40, exclude=("a",))
    service.rounds(60)
    service.mature()

    assert summary(service, "fixed:a").sums.n == 60
    assert summary(service, "fixed:b").sums.n == 100
    # The holdout's visitors see something there, too.
    assert summary(service, "baseline").sums.n == 100


def test_decisions_without_a_floor_are_left_out(service: Service) -> None:
    service.create(holdout=0.0, exploration_floor=0.0)
    service.rounds(30)
    service.change(exploration_floor=0.1)
    service.rounds(50)
    service.mature()
    found = summary(service, "uniform")

    assert (found.unbounded, found.sums.n) == (30, 50)


def limits(service: Service) -> list[tuple[float, int]]:
    return [(round(s.limit, 9), s.n) for s in summary(service, "uniform").stretches]


def test_the_bound_follows_the_floor(service: Service) -> None:
    service.create(holdout=0.0, exploration_floor=0.1)
    for floor in (0.1, 0.3, 0.01):
        service.change(exploration_floor=floor)
        service.rounds(20)
    service.mature()

    # 3 / 0.1 holds for 3 / 0.3 too; 3 / 0.01 is beyond it.
    assert limits(service) == [(30.0, 40), (300.0, 20)]


def test_the_bound_follows_what_a_request_brings(service: Service) -> None:
    service.create(holdout=0.0, exploration_floor=0.1, request_variants="replace")
    service.rounds(10, exclude=("a", "b"))
    service.rounds(20)
    service.rounds(30, variants=inline(4))
    service.rounds(40, variants=inline(6))
    service.mature()

    # 4 variants begin a stretch for 6 of them.
    assert limits(service) == [(30.0, 30), (60.0, 70)]


def inline(count: int) -> tuple[Variant, ...]:
    return tuple(Variant(f"v{i}") for i in range(count))
