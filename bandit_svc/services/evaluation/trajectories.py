"""Evaluate policies along the history of each unit.

Owns which decisions a trajectory is made of, and the row of its value. One decision
changes what may be shown, or is known, at the next one: a cap, a voucher, a feature
made of earlier choices. Weights of single decisions then answer another question than
what a policy earns once it is deployed; these multiply along each unit's history.

A unit's history begins with its first decision, if that was the treatment's and could
be evaluated. It ends before the first decision of the baseline, before one without an
exploration floor, and before one for which the policy has no valid pmf. Decisions
without a unit are histories of one decision.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from msgspec.structs import replace

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.numbers import counted, percent
from bandit_svc.domain.plain_values import Payload, Spec
from bandit_svc.ope.progressive.weighing import Draw
from bandit_svc.ope.sequences.asymptotic import boundary
from bandit_svc.ope.trajectory.value import (
    MINIMAL_UNITS,
    TrajectoryValue,
    trajectory_value,
)
from bandit_svc.ope.trajectory.visits import Visits
from bandit_svc.services.evaluation.candidate import Candidate
from bandit_svc.services.evaluation.rows import SUCCESSES_FIRST
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.services.policy_inputs import reward_range
from bandit_svc.services.values import (
    CONFIDENCE,
    TRAJECTORY,
    Estimated,
    PolicyRow,
    Possible,
    estimated,
    period,
)
from policies.base import PolicyError, RewardRange

ESTIMATOR = "pdis"
"""Per-decision importance sampling, self-normalised."""
_NO_DECISION = (
    "No unit of the log has a history that counts: each begins with the baseline, "
    "without an exploration floor, or with a decision that this policy can't make."
)


class TrajectoryCandidate(Candidate):
    """A candidate that keeps the ratio of each decision with its unit."""

    def __init__(self, other: Candidate) -> None:
        super().__init__(other.label, other.spec, other.policy)
        # Deployed, a fixed variant shows another one where it is not eligible.
        self._strict = False
        self.needs_maximum = False
        self.mixes_groups = False
        self._units: dict[str, int] = {}
        self._unit, self._at_ms = array("q"), array("q")
        self._reward, self._ratio = array("d"), array("d")

    def evaluate(
        self,
        decision: Decision,
        draw: Draw,
        reward: float,
        examples: JoinedExamples,
        predicted: Sequence[float] | None = None,
    ) -> None:
        """Keep one decision of the treatment group; arguments as for Candidate."""
        del predicted
        if draw.bound is None:
            self.pass_over(decision)
            return
        try:
            found = self.weigh(decision, draw, examples)
        except PolicyError:
            found = None
        if found is None:
            self.pass_over(decision)
        else:
            self._keep(decision, reward, found[0].weight)

    def pass_over(self, decision: Decision) -> None:
        """Let this decision of a unit, and its later ones, not count."""
        self._keep(decision, 0.0, np.nan)

    def value(self, scale: RewardRange) -> PolicyRow:
        """Return the row of the value, in reward units."""
        visits = self._visits(scale)
        if visits is None:
            return self._told(_row(self.label, 0, None, scale))
        # A look may come at any number of units, as they arrive.
        units = float(visits.units)
        z = boundary(units, CONFIDENCE) * units**0.5
        found = trajectory_value(visits, z, scale.minimum, scale.maximum)
        return self._told(_row(self.label, int(visits.unit.size), found, scale))

    def _told(self, row: PolicyRow) -> PolicyRow:
        return replace(row, period=period(self.first_ms, self.last_ms))

    def _keep(self, decision: Decision, reward: float, ratio: float) -> None:
        unit = decision.unit_id or decision.id
        self._unit.append(self._units.setdefault(unit, len(self._units)))
        self._at_ms.append(decision.decided_at_ms)
        self._reward.append(reward)
        self._ratio.append(ratio)

    def _visits(self, scale: RewardRange) -> Visits | None:
        unit, ratio = np.array(self._unit), np.array(self._ratio)
        # Decisions join in the order of their maturity, which may be another one.
        order = np.lexsort((np.array(self._at_ms), unit))
        unit, ratio = unit[order], ratio[order]
        begins = np.r_[True, unit[1:] != unit[:-1]][: unit.size]
        start = np.maximum.accumulate(np.where(begins, np.arange(unit.size), 0))
        ended = np.cumsum(np.isnan(ratio))
        counts = ended == np.r_[0, ended][start]
        if not counts.any():
            return None
        reward = scale.minimum + scale.width * np.array(self._reward)[order]
        at_ms = np.array(self._at_ms)[order][counts]
        self.first_ms, self.last_ms = int(at_ms.min()), int(at_ms.max())
        return Visits.of(unit[counts], reward[counts], ratio[counts])


def trajectory_rows(
    experiment: Experiment, candidates: Iterable[TrajectoryCandidate]
) -> tuple[PolicyRow, ...]:
    """Return one row a policy.

    With learn_on first_reward all are refused, as one step at a time.
    """
    scale = reward_range(experiment.definition)
    rows = tuple(candidate.value(scale) for candidate in candidates)
    if not experiment.definition.reward.closes_at_first_reward:
        return rows
    nothing = {ESTIMATOR: estimated(None)}
    return tuple(
        replace(row, refused=SUCCESSES_FIRST, estimates=nothing, note=None)
        for row in rows
    )


def kept_request(specs: Mapping[str, Spec], joined: int) -> Payload:
    """Return the request of the evaluation that a report shows.

    Args:
        specs: of all candidates, by label.
        joined: decisions that the log has, to know how far it has grown since.
    """
    policies = [{"label": label, "spec": spec} for label, spec in specs.items()]
    return {
        "policies": policies,
        "estimand": TRAJECTORY,
        "kept": True,
        "joined": joined,
    }


def is_kept(request: Payload) -> bool:
    """Return true for the request of an evaluation that a report shows."""
    return request.get("kept") is True


def _row(
    label: str, n: int, found: TrajectoryValue | None, scale: RewardRange
) -> PolicyRow:
    refused = _NO_DECISION if found is None else _refused(found)
    return PolicyRow(
        policy=label,
        estimand=TRAJECTORY,
        n=n,
        units=found.units if found else 0,
        effective_sample_size=found.effective_units if found else 0.0,
        mean_weight=found.mean_weight if found else None,
        max_weight=found.max_weight if found else 0.0,
        refused=refused,
        estimates={ESTIMATOR: _estimated(found, scale)},
        note=_note(found),
    )


def _estimated(found: TrajectoryValue | None, scale: RewardRange) -> Estimated:
    if found is None:
        return estimated(None)
    return estimated(
        found.value.estimate,
        found.value.interval,
        None if scale.maximum is None else Possible(scale.minimum, scale.maximum),
        "the log excludes no value yet",
    )


def _refused(found: TrajectoryValue) -> str | None:
    if not found.refused:
        return None
    return (
        f"At a unit's decision {found.horizon} this policy has "
        f"{found.effective_units:.0f} effective units, of {found.units:,}; "
        f"{MINIMAL_UNITS} are needed. Too few units have a history that it would have "
        "made: wait for more, explore more, or split the traffic between policies."
    )


def _note(found: TrajectoryValue | None) -> str | None:
    if found is None or found.refused or found.covered == 1:
        return None
    return (
        f"The first {counted(found.horizon, 'decision')} of each unit count, "
        f"{percent(found.covered)} of all."
    )
