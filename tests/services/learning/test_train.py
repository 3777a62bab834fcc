"""From joined decisions to published models, in the background and exactly."""

import hashlib
from typing import Any

import msgspec
import pytest

from bandit_svc.domain.model_version import ModelVersion
from bandit_svc.domain.variant import Variant
from bandit_svc.learner.loop import Learner
from bandit_svc.services.learning.train import Pause, Trained, versions_kept
from policies.base import Action
from policies.spec import build_policy
from tests.harness.service import Service

LINEAR = {"kind": "linear"}


def step(service: Service, learner: Learner) -> Trained:
    """Tick, and let the worker look for models as its thread would."""
    trained = learner.tick().trained["hero"]
    service.worker.catalog.refresh_models()
    return trained


def test_a_model_has_learned_the_treatments_matured_decisions(
    service: Service,
) -> None:
    service.create(holdout=0.4)
    decisions = [d.decision for d in service.rounds(60)]
    service.mature()
    meta = service.model().meta

    assert meta.learned == sum(d.group == "treatment" for d in decisions) < 60
    assert meta.spans == ((0, 60),)
    assert meta.sha256 == hashlib.sha256(service.model().state).hexdigest()


def test_the_baseline_is_learned_from_where_the_definition_says_so(
    service: Service,
) -> None:
    service.create(holdout=0.4, learn_from_baseline=True)
    service.rounds(60)
    service.mature()

    assert service.model().meta.learned == 60
    assert service.replay().matches


def test_a_published_model_serves_in_every_worker(service: Service) -> None:
    service.create(holdout=0.0)
    service.rounds(300)
    service.mature()
    mobile = {"device": "mobile", "hour": 12}
    pmfs = {
        service.decide(w, unit_id="u", context=mobile).decision.pmf
        for w in (*service.workers, service.new_worker("cc"))
    }

    (pmf,) = pmfs
    assert pmf[0] > 0.5


@pytest.mark.parametrize(
    "policy",
    [
        {"kind": "vw"},
        {"kind": "vw", "explorer": "epsilon"},
        {"kind": "vw", "explorer": "softmax"},
        {"kind": "vw", "explorer": "regcb"},
        {"kind": "vw", "explorer": "bag"},
        {"kind": "vw", "explorer": "cover"},
        {"kind": "vw", "explorer": "rnd"},
        {"kind": "vw", "explorer": "epsilon", "cb_type": "dr"},
        LINEAR,
        {"kind": "thompson"},
        {"kind": "epsilon_greedy"},
        {"kind": "uniform"},
    ],
    ids=lambda spec: "-".join(spec.values()),
)
def test_the_log_gives_the_published_model_again(
    service: Service, policy: dict[str, Any]
) -> None:
    service.create(policy=policy, holdout=0.1)
    for _ in range(3):
        service.rounds(40)
        service.mature()

    replayed = service.replay()
    assert replayed.matches
    assert (replayed.version, replayed.learned) == (3, service.model().meta.learned)


def test_publications_keep_their_distance(service: Service) -> None:
    service.settings = msgspec.structs.replace(service.settings, publish_every_ms=400)
    service.create(holdout=0.0, reward={"window_seconds": 0.001})
    learner = service.new_learner()
    published = []
    for _ in range(10):
        # 100 ms a turn.
        service.rounds(10)
        published.append(learner.tick().trained["hero"].published)

    assert published == [1, None, None, None, 2, None, None, None, 3, None]


def test_a_changed_policy_serves_only_when_it_has_caught_up(
    service: Service,
) -> None:
    service.create(holdout=0.0)
    service.rounds(1100)
    service.mature()
    service.change(policy=LINEAR)
    # No time at all: one batch of 500 a tick.
    learner = service.new_learner(budget_s=0.0)
    behind = [step(service, learner).behind]
    while behind[-1]:
        # The old model goes on serving and learning meanwhile.
        service.rounds(20)
        service.now_ms += 2000
        assert service.model().meta.policy["kind"] == "auto"
        assert service.decide().decision.source == "policy"
        behind.append(step(service, learner).behind)
    swapped = service.model().meta

    assert behind[0] == 1100 - 500
    assert len(behind) == 3
    assert swapped.policy["kind"] == "linear"
    # What matured meanwhile is in it: twice 20 rounds, and the first of two probes.
    assert swapped.learned == 1100 + 2 * 20 + 1 == swapped.cursor
    assert service.worker.catalog.served()[0].policy.version == swapped.version
    assert service.replay().matches


def test_a_changed_setting_is_trained_anew(service: Service) -> None:
    service.create(holdout=0.0)
    service.rounds(50)
    service.mature()
    before = service.model()
    service.change(policy={"kind": "vw", "seed": 99})
    service.learner.tick()
    after = service.model()

    assert (before.meta.version, after.meta.version) == (1, 2)
    assert after.meta.policy["seed"] == 99
    assert after.meta.learned == before.meta.learned
    assert service.replay().matches


def test_a_policy_changed_back_before_it_caught_up_leaves_the_model_as_it_was(
    service: Service,
) -> None:
    service.create(holdout=0.0)
    service.rounds(700)
    service.mature()
    before = service.model()
    learner = service.new_learner(budget_s=0.0)
    service.change(policy=LINEAR)
    behind = step(service, learner).behind
    service.change(policy={"kind": "auto"})
    trained = step(service, learner)

    assert behind > 0
    assert (trained.behind, trained.published) == (0, None)
    assert service.model() == before


def test_a_changed_policy_acts_at_once_where_nothing_was_learned(
    service: Service,
) -> None:
    service.create(holdout=0.0, exploration_floor=0.0)
    service.decide()
    service.change(policy={"kind": "fixed", "variant": "c"})

    assert service.decide().decision.pmf == (0.0, 0.0, 1.0)
    service.learner.tick()
    service.worker.catalog.refresh_models()
    assert service.decide().decision.pmf == (0.0, 0.0, 1.0)


def test_old_decisions_are_learned_with_the_features_that_they_were_made_with(
    service: Service,
) -> None:
    sizes = {1: 1.0, 2: -5.0}
    other = {"key": "b"}
    service.create(
        holdout=0.0, variants=[{"key": "a", "features": {"s": sizes[1]}}, other]
    )
    decisions = [service.decide(unit_id=f"u{i}").decision for i in range(20)]
    service.change(variants=[{"key": "a", "features": {"s": sizes[2]}}, other])
    service.now_ms += 1
    decisions += [service.decide(unit_id=f"u{i}").decision for i in range(20)]
    service.mature()
    # Learned by hand, in the order of maturity; nobody reported a reward.
    by_hand = build_policy(service.model().meta.policy)
    for d in sorted(decisions, key=lambda d: (d.decided_at_ms, d.id)):
        actions = [Action("a", {"s": sizes[d.revision]}), Action("b", {})]
        by_hand.learn({}, actions, d.chosen, d.propensity, 0.0)

    assert {d.revision for d in decisions} == {1, 2}
    assert service.model().state == by_hand.dump()


def test_a_learner_that_saw_every_revision_and_one_that_saw_the_last_agree(
    service: Service,
) -> None:
    variants = [{"key": "a", "features": {"s": 1}}, {"key": "b"}]
    service.create(holdout=0.0, variants=variants)
    for size in (2, 3, 4):
        service.rounds(20)
        service.mature()
        service.change(variants=[{"key": "a", "features": {"s": size}}, {"key": "b"}])
    service.rounds(20)
    service.mature()

    assert service.model().meta.learned == 80
    assert service.replay().matches


def test_variants_of_a_request_are_learned_with_their_own_features(
    service: Service,
) -> None:
    service.create(holdout=0.0, exploration_floor=0.5, request_variants="replace")
    # Articles that no definition knows: large ones are liked.
    for i in range(400):
        service.now_ms += 10
        sizes = {f"x{i}": 1, f"y{i}": 0}
        own = tuple(Variant(key, {"large": size}) for key, size in sizes.items())
        decided = service.decide(unit_id=f"u{i}", variants=own)
        service.reward(decided, float(sizes[decided.decision.variant]))
    service.mature()
    new = (Variant("new-small", {"large": 0}), Variant("new-large", {"large": 1}))
    pmf = service.decide(unit_id="u", variants=new).decision.pmf

    assert service.replay().matches
    assert pmf[1] > 0.6


def test_a_damaged_model_is_built_again_from_the_log(service: Service) -> None:
    service.create(holdout=0.0)
    service.create("other", holdout=0.0)
    service.rounds(30)
    service.rounds(30, experiment="other")
    service.mature()
    good = service.model()
    damaged = ModelVersion(
        msgspec.structs.replace(good.meta, version=2), good.state[:-9]
    )
    service.storage.model_versions.publish(damaged, 1)
    tick = service.new_learner().tick()
    repaired = service.model()

    assert tick.trained["hero"].published == 3
    assert tick.trained["hero"].fault is None
    assert repaired.state == good.state
    assert (repaired.meta.learned, repaired.meta.spans) == (30, ((0, 30),))


def test_an_experiment_whose_model_can_not_be_built_stops_no_other_one(
    service: Service,
) -> None:
    service.create(holdout=0.0)
    service.create("other", holdout=0.0)
    service.rounds(10)
    service.mature()
    good = service.model()
    # Of a policy that this version does not have.
    meta = msgspec.structs.replace(good.meta, version=2, policy={"kind": "future"})
    service.storage.model_versions.publish(ModelVersion(meta, good.state), 1)
    service.rounds(10, experiment="other")
    tick = service.mature_only()

    assert "kind is 'future'" in (tick.trained["hero"].fault or "")
    assert tick.trained["other"].learned == 10
    assert service.model("other").meta.learned == 10


def test_what_fails_again_and_again_is_tried_less_and_less_often(
    service: Service,
) -> None:
    service.create(holdout=0.0)
    service.rounds(10)
    service.mature()
    good = service.model()
    meta = msgspec.structs.replace(good.meta, version=2, policy={"kind": "future"})
    service.storage.model_versions.publish(ModelVersion(meta, good.state), 1)
    faults = []
    begun_ms = service.now_ms
    while service.now_ms < begun_ms + 600_000:
        if service.learner.tick().trained["hero"].fault:
            faults.append((service.now_ms - begun_ms) // 1_000)
        service.now_ms += 500

    assert faults == [0, 1, 3, 7, 15, 31, 63, 127, 255, 511]


def test_a_changed_definition_is_tried_at_once() -> None:
    pause = Pause()
    for failed_at_ms in (0, 1_000, 3_000):
        assert not pause.holds(failed_at_ms, 1)
        pause.failed(failed_at_ms)

    assert pause.holds(6_999, 1)
    assert not pause.holds(2_999, 1)
    assert not pause.holds(4_000, 2)


def test_the_served_policy_learns_on_while_a_changed_one_can_not_be_trained(
    service: Service,
) -> None:
    experiment = service.create(holdout=0.0)
    service.rounds(10)
    service.mature()
    future = msgspec.structs.replace(experiment.definition, policy={"kind": "future"})
    service.storage.experiments.revise(experiment, future, service.now_ms)
    service.rounds(10)
    tick = service.mature_only()

    assert "the changed policy can't be trained" in (tick.trained["hero"].fault or "")
    assert service.model().meta.learned == 20
    assert service.model().meta.policy == experiment.definition.policy


@pytest.mark.parametrize(
    ("state_bytes", "versions"),
    [(0, 250), (1_000_000, 50), (2_000_000, 25), (5_000_000, 10), (80_000_000, 5)],
)
def test_versions_of_large_models_take_bounded_room(
    state_bytes: int, versions: int
) -> None:
    assert versions_kept(state_bytes) == versions
