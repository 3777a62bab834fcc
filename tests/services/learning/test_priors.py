"""An experiment that begins with what another one has learned."""

import re

import pytest

from bandit_svc.domain.model_version import BEFORE_IMPORTS
from bandit_svc.errors import InvalidInput
from bandit_svc.services.managing import lifecycle
from tests.harness.service import Service
from tests.harness.stored.old_log import chance_of

LINEAR = {"kind": "linear"}


def with_prior(strength: int = 100, key: str = "hero") -> dict[str, object]:
    return LINEAR | {"prior": {"experiment": key, "strength": strength}}


@pytest.fixture
def taught(service: Service) -> Service:
    """A service in which `hero` has learned from 300 decisions."""
    service.create(holdout=0.2, policy=LINEAR)
    service.rounds(400)
    service.mature()
    return service


def test_it_begins_with_the_last_decisions_of_the_other_ones_model(
    taught: Service,
) -> None:
    taught.create("next", holdout=0.0, policy=with_prior(200))
    taught.mature()
    taught.mature()
    meta = taught.model("next").meta
    end = BEFORE_IMPORTS + 200

    assert meta.learned == 200
    assert meta.spans == ((BEFORE_IMPORTS, end), (0, 0))
    assert chance_of(taught, "a", "mobile", "next") > 0.8
    assert taught.replay("next").matches


def test_it_stays_what_it_was_when_the_other_one_learns_on(taught: Service) -> None:
    taught.create("next", holdout=0.0, policy=with_prior())
    taught.mature()
    taught.mature()
    before = taught.model("next").state
    taught.rounds(100)
    taught.mature()
    taught.change(status="archived")
    taught.mature()

    assert taught.model("next").state == before
    assert taught.replay("next").matches


def test_its_revision_tells_from_which_model_it_came(taught: Service) -> None:
    experiment = taught.create("next", holdout=0.0, policy=with_prior())
    taught.mature()
    meta = taught.model().meta
    note = taught.storage.experiments.revisions(experiment.number)[-1].note

    assert note == (
        "prior: 100 decisions of experiment hero, the last that its model "
        f"{meta.version} had learned (sha256 {meta.sha256})"
    )


def test_it_is_taken_once(taught: Service) -> None:
    experiment = taught.create("next", holdout=0.0, policy=with_prior())
    for _ in range(3):
        taught.rounds(20)
        taught.mature()
    taught.learner = taught.new_learner()
    taught.mature()

    assert len(taught.storage.imports.files(experiment.number)) == 1
    assert taught.model("next").meta.learned == 100


def test_variants_that_only_the_other_one_has_are_learned_by_their_features(
    taught: Service,
) -> None:
    other = [{"key": "b"}, {"key": "c"}, {"key": "z"}]
    taught.create("next", holdout=0.0, policy=with_prior(), variants=other)
    taught.mature()
    taught.mature()

    assert taught.model("next").meta.learned == 100
    assert chance_of(taught, "b", "desktop", "next") > 0.5
    assert taught.replay("next").matches


def test_it_is_learned_again_with_another_policy(taught: Service) -> None:
    taught.create("next", holdout=0.0, policy=with_prior())
    taught.mature()
    taught.mature()
    patch = {"policy": {"kind": "thompson"}}
    lifecycle.change(taught.storage, "next", patch, taught.now_ms)
    taught.mature()
    taught.mature()

    assert taught.model("next").meta.policy["kind"] == "thompson"
    assert taught.model("next").meta.learned == 100
    assert taught.replay("next").matches


@pytest.mark.parametrize(
    ("policy", "reward", "fault"),
    [
        (with_prior(key="nobody"), {}, "there is no experiment 'nobody'"),
        (with_prior(key="next"), {}, "would begin with itself; name another one"),
        (with_prior(key="cold"), {}, "'cold' has learned from no decision"),
        (with_prior(), {"maximum": 2.0}, "from 0 to 1, and those here from 0 to 2"),
        (with_prior(0), {}, "strength is 0; it must be a whole number between 1"),
        ({"kind": "uniform", "prior": {"experiment": "hero"}}, {}, "not a setting"),
        (LINEAR | {"prior": {"experiment": 3}}, {}, "prior.experiment is 3"),
        (LINEAR | {"prior": {"experiment": "hero", "x": 3}}, {}, "'x' is not a part"),
        (LINEAR | {"prior": "hero"}, {}, "prior is 'hero'; it must be an object"),
    ],
)
def test_what_can_not_be_begun_with_is_refused(
    taught: Service,
    policy: dict[str, object],
    reward: dict[str, object],
    fault: str,
) -> None:
    taught.create("cold", policy=LINEAR)

    with pytest.raises(InvalidInput, match=re.escape(fault)):
        taught.create("next", policy=policy, reward=reward)


def test_a_circle_is_refused(taught: Service) -> None:
    taught.create("next", holdout=0.0, policy=with_prior())
    taught.mature()
    taught.mature()

    with pytest.raises(InvalidInput, match="would begin with itself, through next"):
        taught.change(policy=with_prior(key="next"))


def test_another_prior_than_that_it_began_with_is_refused(taught: Service) -> None:
    taught.create("next", holdout=0.0, policy=with_prior())
    taught.mature()
    patch = {"policy": with_prior(50)}

    with pytest.raises(InvalidInput, match="has begun with another prior"):
        lifecycle.change(taught.storage, "next", patch, taught.now_ms)
