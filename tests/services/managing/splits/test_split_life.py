"""A split from its beginning to its end, on the real service."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.programmes.programme import ProgrammeDefinition
from bandit_svc.domain.splits.split import Split
from bandit_svc.domain.splits.step import Evidence, Step
from bandit_svc.errors import Conflict, InvalidInput
from bandit_svc.services.managing import lifecycle
from bandit_svc.services.managing.programmes.manage import create_programme
from bandit_svc.services.managing.splits.command_split import command_split
from bandit_svc.services.managing.splits.listed import splits_of
from bandit_svc.services.managing.splits.taking import Asked, take_step
from bandit_svc.services.serving.decide import Decided
from tests.harness.service import Service

BEST = {
    "kind": "rules",
    "rules": [{"when": "device == 'mobile'", "then": "a"}],
    "otherwise": "b",
}
WORST = {"kind": "fixed", "variant": "c"}
MIXED = {"kind": "uniform"}


def begin(
    service: Service,
    current: object,
    other: object,
    sticky: object = None,
    **split: object,
) -> Experiment:
    """Create an experiment whose split gives half of the units another policy."""
    given = {"policies": {"current": 0.5, "other": 0.5}, "policy": other} | split
    return service.create(policy=current, holdout=0.1, split=given, sticky=sticky)


def play(service: Service, batches: int, every: int = 200) -> list[Decided]:
    made: list[Decided] = []
    for _ in range(batches):
        made += service.rounds(every)
        service.mature()
        if split_of(service) is None:
            break
    return made


def split_of(service: Service) -> Split | None:
    return service.storage.experiments.get("hero").definition.split


def steps(service: Service) -> list[Step]:
    return service.storage.splits.steps(1)


def test_a_worse_policy_rolls_back_by_itself(service: Service) -> None:
    begin(service, BEST, WORST)
    play(service, 20)

    assert split_of(service) is None
    assert [step.kind for step in steps(service)] == [
        "begun",
        "started",
        "rolled_back",
    ]
    last = steps(service)[-1]
    assert last.who == "service"
    assert last.evidence.interval[1] is not None
    assert last.evidence.interval[1] < 0
    assert service.storage.experiments.get("hero").definition.policy["kind"] == "rules"


def test_a_better_policy_takes_the_place_after_every_step(service: Service) -> None:
    begin(service, WORST, BEST, ramp=[0.7, 1])
    play(service, 30)

    assert split_of(service) is None
    assert [step.kind for step in steps(service)] == [
        "begun",
        "started",
        "advanced",
        "completed",
    ]
    assert [step.share for step in steps(service)] == [0.0, 0.5, 0.7, 1.0]
    assert service.storage.experiments.get("hero").definition.policy["kind"] == "rules"
    revisions = service.storage.experiments.revisions(1)
    assert "completed" in revisions[-1].note


def test_a_learning_policy_is_caught_up_before_its_first_unit(service: Service) -> None:
    service.create(policy=MIXED, holdout=0.1)
    service.rounds(300)
    service.mature()
    service.change(
        split={
            "policies": {"current": 0.5, "linear": 0.5},
            "policy": {"kind": "linear"},
            "advance_when": "never",
        }
    )
    before = service.rounds(50)
    assert {one.decision.branch for one in before} == {None}
    service.mature()
    made = play(service, 3)

    others = [d for d in decisions(made) if d.branch and d.branch.name == "linear"]
    assert others
    assert others[0].model_version == 1
    assert max(d.model_version for d in others) == 3
    branch = service.storage.branch_versions.latest(1)
    own = service.storage.model_versions.latest(1)
    assert branch is not None
    assert own is not None
    assert branch.meta.policy["kind"] == "linear"
    assert (branch.meta.spans, branch.meta.learned) == (
        own.meta.spans,
        own.meta.learned,
    )


def test_a_growing_share_moves_only_the_difference(service: Service) -> None:
    begin(service, MIXED, MIXED, advance_when="never", ramp=[0.7, 1])
    service.mature()
    units = [f"u{n}" for n in range(300)]
    before = {u for u in units if branch_name(service, u) == "other"}
    command_split(service.storage, "hero", "advance", "", "me", service.now_ms)
    after = {u for u in units if branch_name(service, u) == "other"}

    assert 100 < len(before) < 200
    assert before < after
    assert 150 < len(after) < 240


def test_the_holdout_is_outside_and_logs_what_its_branch_would_draw(
    service: Service,
) -> None:
    begin(service, WORST, BEST, advance_when="never", rollback_when="never")
    service.mature()
    made = decisions(service.rounds(400))

    held = [d for d in made if d.group == "baseline"]
    assert held
    assert {d.branch for d in held} == {None}
    shown = {pmf.index(max(pmf)) for d in held if (pmf := d.treatment_pmf)}
    assert 2 in shown
    assert shown - {2}
    for one in made:
        assert one.propensity == one.pmf[one.chosen]
        if one.branch is not None:
            assert one.branch.share == pytest.approx(0.5)
            assert one.treatment_pmf == one.pmf


def test_a_completed_split_goes_on_with_the_model_of_its_branch(
    service: Service,
) -> None:
    begin(service, WORST, {"kind": "linear"}, ramp=[1])
    play(service, 30)

    assert split_of(service) is None
    model = service.model()
    assert model.meta.policy["kind"] == "linear"
    assert service.replay().matches
    assert service.round().decision.model_version == model.meta.version
    service.rounds(50)
    service.mature()
    assert service.model().meta.version == model.meta.version + 1
    assert service.replay().matches


def test_steps_by_hand_pause_resume_and_roll_back(service: Service) -> None:
    begin(service, MIXED, MIXED)
    service.mature()
    for command in ("pause", "resume", "roll_back"):
        command_split(service.storage, "hero", command, "why", "key k1", service.now_ms)

    assert [step.kind for step in steps(service)][1:] == [
        "started",
        "paused",
        "resumed",
        "rolled_back",
    ]
    assert {step.who for step in steps(service)[2:]} == {"key k1"}
    assert {step.reason for step in steps(service)[2:]} == {"why"}


def test_a_second_split_draws_other_units(service: Service) -> None:
    begin(service, MIXED, MIXED, advance_when="never")
    service.mature()
    units = [f"u{n}" for n in range(200)]
    first = {u for u in units if branch_name(service, u) == "other"}
    service.change(split=None)
    service.change(split={"policies": {"current": 0.5, "x": 0.5}, "policy": MIXED})
    service.mature()
    second = {u for u in units if branch_name(service, u) == "x"}

    assert [step.kind for step in steps(service)] == [
        "begun",
        "started",
        "ended",
        "begun",
        "started",
    ]
    assert first != second
    assert len(first & second) < 0.75 * len(first)


def test_a_split_that_is_ended_keeps_what_it_has_found(service: Service) -> None:
    begin(service, BEST, WORST, advance_when="never", rollback_when="never")
    service.mature()
    service.rounds(300)
    service.mature()
    service.change(split=None)

    last = steps(service)[-1]
    assert last.kind == "ended"
    assert last.evidence.estimate is not None
    assert last.evidence.estimate < 0
    assert sum(last.evidence.decisions) > 200
    (past,) = splits_of(service.storage, service.storage.experiments.get("hero")).past
    assert (past.estimate, past.state) == (last.evidence.estimate, "ended")


def test_the_name_of_the_other_policy_is_a_candidate(service: Service) -> None:
    service.create(candidates=[{"kind": "linear"}])
    service.change(split={"policies": {"current": 0.9, "candidate": 0.1}})
    split = split_of(service)
    assert split is not None
    assert split.policy is not None
    assert split.policy["kind"] == "linear"
    with pytest.raises(InvalidInput, match="not the name of a candidate") as refused:
        service.change(split={"policies": {"current": 0.9, "nobody": 0.1}})
    assert refused.value.fields[0].pointer == "/split/policies/nobody"


def test_the_policy_stays_while_it_is_compared(service: Service) -> None:
    begin(service, MIXED, MIXED)
    with pytest.raises(InvalidInput, match="end the split first"):
        service.change(policy={"kind": "linear"})


def test_a_kept_choice_breaks_where_a_unit_gets_the_other_policy(
    service: Service,
) -> None:
    begin(
        service,
        MIXED,
        MIXED,
        advance_when="never",
        ramp=[0.9, 1],
        sticky={"for_seconds": 600, "break_when": ["model"]},
    )
    service.mature()
    units = [f"u{n}" for n in range(60)]
    first = {unit: service.decide(unit_id=unit) for unit in units}
    assert all(service.decide(unit_id=unit).given_again for unit in units)
    command_split(service.storage, "hero", "advance", "", "me", service.now_ms)

    for unit in units:
        again = service.decide(unit_id=unit)
        before, now = first[unit].decision.branch, again.decision.branch
        assert (before and before.name) == (now and now.name) or not again.given_again
        assert again.given_again == (before is None or before.name == "other") or (
            now is not None and now.name == "current"
        )


def test_a_restored_policy_needs_the_split_to_end_first(service: Service) -> None:
    service.create(policy={"kind": "linear"})
    service.rounds(40)
    service.mature()
    service.change(policy={"kind": "vw"})
    service.rounds(40)
    service.mature()
    assert service.model().meta.policy["kind"] == "vw"
    service.change(split={"policies": {"current": 0.5, "x": 0.5}, "policy": MIXED})

    with pytest.raises(Conflict, match="end the split first"):
        lifecycle.restore(service.storage, "hero", 1, service.now_ms)
    assert lifecycle.restore(service.storage, "hero", 2, service.now_ms).version == 3


def test_units_of_a_programme_that_are_no_treatment_are_outside(
    service: Service,
) -> None:
    asked = ProgrammeDefinition("shop", holdout=0.2, business_as_usual=0.2, explore=0.2)
    create_programme(service.storage, asked, "salt-shop", service.now_ms)
    service.create(
        policy=MIXED,
        programme="shop",
        split={"policies": {"current": 0.5, "x": 0.5}, "policy": WORST},
    )
    service.mature()
    branches: dict[str, set[str | None]] = {}
    for one in decisions(service.rounds(300)):
        assert one.programme is not None
        name = None if one.branch is None else one.branch.name
        branches.setdefault(one.programme.group, set()).add(name)

    assert branches.pop("experiment") >= {"current", "x"}
    assert set(branches) == {"holdout", "business_as_usual", "explore"}
    assert all(names == {None} for names in branches.values())


def test_a_conflict_keeps_neither_revision_nor_step(service: Service) -> None:
    before = begin(service, MIXED, MIXED)
    split = before.definition.split
    assert split is not None
    service.change(description="meanwhile")
    asked = Asked("rolled_back", "why", Evidence())
    with pytest.raises(Conflict, match="changed by somebody else"):
        take_step(service.storage, before, split, asked, service.now_ms)
    assert [step.kind for step in steps(service)] == ["begun"]
    assert split_of(service) is not None


def test_a_damaged_model_of_a_branch_is_learned_again(service: Service) -> None:
    begin(service, MIXED, {"kind": "linear"}, advance_when="never")
    service.mature()
    service.rounds(100)
    service.mature()
    path = Path(service.settings.data) / "bandit.db"
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("DROP TRIGGER branch_versions_updated")
        raw.execute("UPDATE branch_versions SET learned = learned + 1")
        raw.commit()
    service.learner = service.new_learner()
    service.rounds(20)
    service.mature()

    newest = service.storage.branch_versions.newest(1)
    assert newest is not None
    assert newest.learned == service.model().meta.learned


def decisions(made: list[Decided]) -> list[Decision]:
    return [one.decision for one in made]


def branch_name(service: Service, unit_id: str) -> str | None:
    branch = service.decide(unit_id=unit_id).decision.branch
    return None if branch is None else branch.name
