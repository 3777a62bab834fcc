"""Off-policy estimates against the truth that a simulated world knows.

The logging policy learns while it logs, and every number comes from the service's own
evaluation code.
"""

import msgspec
import numpy as np
import pytest

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.experiment import Definition, Experiment, Group
from bandit_svc.domain.variant import Variant
from bandit_svc.ope.uplift.moments import Moments
from bandit_svc.services.evaluation.candidate import (
    Candidate,
    evaluate_and_learn,
    new_candidate,
)
from bandit_svc.services.evaluation.checks import scorecard
from bandit_svc.services.evaluation.labels import TREATED_BASELINE, evaluated_specs
from bandit_svc.services.evaluation.reward_predictor import RewardPredictor
from bandit_svc.services.evaluation.rows import CandidateProgress
from bandit_svc.services.evaluation.weighing.bounds import WeightBounds
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.services.managing import lifecycle
from bandit_svc.services.report.build import build_report
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import JoinedRow
from policies.pmf import mix_floor
from policies.spec import build_policy, normalise_spec
from simulators.environment import FloatArray, expected_rewards
from simulators.worlds.hero import HeroWorld
from tests.harness.service import Service

WORLD = HeroWorld()
KEYS = tuple(action.key for action in WORLD.actions)
RUNS = 100
ROUNDS = 1_500
LOOK_EVERY = 50
POOL = 1_000
FLOOR = 0.1
GREEDY = {**normalise_spec({"kind": "epsilon_greedy"}), "name": "greedy"}


class Pool:
    """Contexts to draw from, so that means over them are the exact truth."""

    def __init__(self) -> None:
        rng = np.random.default_rng(11)
        self.contexts = [WORLD.draw_context(rng, i) for i in range(POOL)]
        self.expected = np.array(
            [expected_rewards(WORLD, context, 0) for context in self.contexts]
        )

    @property
    def means(self) -> FloatArray:
        """The true value of always choosing each action, (K,)."""
        means: FloatArray = self.expected.mean(axis=0)
        return means


class Run:
    """One log that grows: a policy that learns, a holdout, candidates beside them."""

    def __init__(self, pool: Pool, storage: Storage, number: int, seed: int) -> None:
        self.pool = pool
        self.rng = np.random.default_rng([7, seed])
        self.experiment: Experiment = storage.experiments.get("hero")
        self.definition: Definition = self.experiment.definition
        definitions = Definitions(storage.experiments)
        self.examples = JoinedExamples(storage.joins, definitions, number)
        self.bounds = WeightBounds(definitions, number)
        self.predictor = RewardPredictor(self.definition)
        self.storage = storage
        # Learns at once, so that each choice depends on all rewards before it.
        self.logging = build_policy(self.definition.policy)
        self.candidates: dict[str, Candidate] = {
            label: new_candidate(label, spec, self.definition)
            for label, spec in evaluated_specs(self.definition).items()
        }
        self.greedy_values: list[float] = []
        self.holdout = Moments()

    def play(self, position: int) -> None:
        """Decide once, log, evaluate and learn."""
        index = int(self.rng.integers(POOL))
        context = self.pool.contexts[index]
        group: Group = (
            "baseline" if self.rng.random() < self.definition.holdout else "treatment"
        )
        treatment = mix_floor(self.logging.pmf(context, WORLD.actions), FLOOR)
        baseline = [1.0, 0.0, 0.0, 0.0, 0.0]
        pmf = treatment if group == "treatment" else baseline
        holdout = self.definition.holdout
        chosen = int(self.rng.choice(len(KEYS), p=np.array(pmf) / sum(pmf)))
        reward = float(self.rng.random() < self.pool.expected[index, chosen])
        decision = Decision(
            id=str(position), experiment="hero", number=self.experiment.number,
            revision=1, decided_at_ms=position, group=group, context=dict(context),
            variants=KEYS, pmf=tuple(pmf), chosen=chosen, propensity=pmf[chosen],
            model_version=0, treatment_pmf=tuple(treatment),
            baseline_pmf=tuple(baseline),
            group_chance=1 - holdout if group == "treatment" else holdout,
        )  # fmt: skip
        treated = group == "treatment"
        policy = self.candidates["greedy"].policy
        assert policy is not None
        chances = np.array(policy.pmf(context, WORLD.actions))
        self.greedy_values.append(float(chances @ self.pool.means))
        if not treated:
            self.holdout = self.holdout.merge(Moments(1, reward, reward))
        row = JoinedRow(position, reward, treated, decision)
        everyone = list(self.candidates.values())
        ports = (self.definition, self.examples, self.bounds, self.predictor)
        evaluate_and_learn(everyone, [row], *ports)
        if treated:
            self.logging.learn(context, WORLD.actions, chosen, pmf[chosen], reward)

    def missed(self) -> set[tuple[str, str]]:
        """The candidates and estimators whose interval does not hold the truth now."""
        means = self.pool.means
        truth = {
            "uniform": means.mean(),
            "baseline": means[0],
            f"fixed:{KEYS[-1]}": means[-1],
            "greedy": np.mean(self.greedy_values),
        }
        found = set()
        for label, value in truth.items():
            summary = self.candidates[label].rewards.summary()
            assert summary.corrected is not None
            for estimator, interval in (
                ("ips", summary.value_interval(0.95)),
                ("dr", summary.corrected.interval(0.95)),
            ):
                assert interval.lower is not None
                assert interval.upper is not None
                if not interval.lower <= value <= interval.upper:
                    found.add((label, estimator))
        return found

    def scorecard(self) -> str:
        """The status of the standing scorecard now."""
        summary = self.candidates[TREATED_BASELINE].rewards.summary()
        evaluated = {TREATED_BASELINE: CandidateProgress(summary)}
        check = scorecard(self.storage, self.experiment, evaluated, self.holdout)
        assert "the holdout earned" in check.detail
        return check.status


@pytest.mark.statistical
def test_estimates_of_a_log_that_learns_hold_at_every_look(service: Service) -> None:
    """Seed [7, run]; 100 runs of 1,500 decisions by `epsilon_greedy` on `hero`.

    All 30 looks at an interval are to hold in at least 95 % of the runs, for each of
    four policies: one that learns, too, against the mean of what it was worth at each
    decision; and for both intervals, that of ips and that of dr, whose reward model
    learns from each decision after it predicted it. The sequences promise 95 % and
    keep more (betting.py measured at most 2.8 % of logs ever wrong at 10,000 looks);
    at 2 % an interval would miss in more than 5 of 100 runs for one seed in 65, and
    the seed is fixed. The scorecard is to warn in at most 5 runs: its two intervals
    hold with 97.5 % each, and contradict each other only if one of them is wrong.
    """
    variants = tuple(Variant(key) for key in KEYS)
    service.create(
        variants=[msgspec.to_builtins(v) for v in variants],
        policy={"kind": "epsilon_greedy", "epsilon": 0.2},
        baseline={"kind": "fixed", "variant": KEYS[0]},
        exploration_floor=FLOOR, holdout=0.2, candidates=[GREEDY],
    )  # fmt: skip
    pool = Pool()
    ever_missed: dict[tuple[str, str], int] = {}
    warned = 0
    for seed in range(RUNS):
        run = Run(pool, service.storage, 1, seed)
        missed: set[tuple[str, str]] = set()
        for position in range(1, ROUNDS + 1):
            run.play(position)
            if position % LOOK_EVERY == 0:
                missed |= run.missed()
        for interval in missed:
            ever_missed[interval] = ever_missed.get(interval, 0) + 1
        warned += run.scorecard() != "ok"

    assert max(ever_missed.values(), default=0) <= 0.05 * RUNS
    assert warned <= 0.05 * RUNS


@pytest.mark.statistical
def test_through_the_whole_service_every_estimate_holds_the_truth_at_every_look(
    service: Service,
) -> None:
    """Seed 7 of the service; 3,000 decisions on `hero` under `vw`, 15 looks.

    Decide, log, ingest, join, evaluate, report, with a floor of 0.1: at the default of
    0.02 `vw` shows the baseline so rarely that its estimate is refused here. Two
    intervals of each of six policies, ips and dr, at 95 % each, hold together with at
    least 40 %, and in fact far more often; the seed is fixed.
    """
    pool = Pool()
    body = WORLD.experiment() | {"key": "hero"}
    body["exploration_floor"] = FLOOR
    body["reward"] = body["reward"] | {"window_seconds": 1}
    lifecycle.create(
        service.storage, lifecycle.convert_definition(body), "salt", service.now_ms
    )
    truth = {f"fixed:{k}": m for k, m in zip(KEYS, pool.means, strict=True)}
    truth |= {"uniform": pool.means.mean(), "baseline": truth["fixed:summer-dress"]}
    for _ in range(15):
        for number in range(200):
            service.now_ms += 10
            index = service.random.randrange(POOL)
            unit_id = f"u{service.random.randrange(10**9)}"
            context = dict(pool.contexts[index])
            worker = service.workers[number % 2]
            decided = service.decide(worker, unit_id=unit_id, context=context)
            chosen = KEYS.index(decided.decision.variant)
            if service.random.random() < pool.expected[index, chosen]:
                service.reward(decided)
        service.mature()
        experiment = service.storage.experiments.get("hero")
        report = build_report(service.storage, experiment, service.now_ms)
        for row in report.policies:
            for estimator in ("ips", "dr") if row.refused is None else ():
                lower, upper = row.estimates[estimator].interval
                assert lower is not None
                assert upper is not None
                assert lower <= truth[row.policy] <= upper, row
    checks = {check.name: check for check in report.health}
    (baseline,) = (r for r in report.policies if r.policy == "baseline")

    assert baseline.refused is None
    assert checks["propensity_audit"].status == "ok"
    assert checks["scorecard"].status == "ok"
    assert "the holdout earned" in checks["scorecard"].detail
