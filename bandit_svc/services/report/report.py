"""The report of one experiment, typed.

Owns its shape: the fields are those of the contract, in its order. What is in it is
computed by the other modules of this room; services.checks.check.checked_json encodes
it.
"""

from typing import Any, Literal

import msgspec

from bandit_svc.domain.experiment import Group as GroupName
from bandit_svc.domain.experiment import Status
from bandit_svc.services.checks.check import Check
from bandit_svc.services.learning.adjusted_uplift import AdjustedUplift
from bandit_svc.services.planning.outlook import Outlook
from bandit_svc.services.report.apprentice.rows import Apprentice
from bandit_svc.services.report.business.corrections import CorrectedRewards
from bandit_svc.services.report.business.deployed_split import Deployed
from bandit_svc.services.report.business.rows import Money, Restricted, WithoutConsent
from bandit_svc.services.report.business.slots import SlotRow
from bandit_svc.services.report.counts.decisions import Decisions, Pending
from bandit_svc.services.report.metrics.rows import Chance, Claims, DerivedRow
from bandit_svc.services.report.ranges.asked import ReportRange
from bandit_svc.services.values import (
    NEVER,
    Bounds,
    Estimated,
    Period,
    PolicyRow,
    Reason,
    RewardModelQuality,
)

GuardrailStatus = Literal["ok", "undecided", "breached"]


class Comparison(msgspec.Struct, frozen=True):
    """Mean reward of the treatment minus the baseline's, which `relative` divides."""

    absolute: Estimated
    relative: Estimated


class FormerUplift(msgspec.Struct, frozen=True):
    """The uplift as an earlier version computed it, with decisions as independent.

    Attributes:
        changed_at: since when the uplift is by unit, ISO 8601 in UTC.
    """

    method: str
    changed_at: str
    absolute: Estimated
    relative: Estimated


class UnitCounts(msgspec.Struct, frozen=True):
    """Units that had a matured decision in each group."""

    treatment: int
    baseline: int


class Uplift(msgspec.Struct, frozen=True):
    """Mean reward of the treatment minus that of the baseline, by unit.

    Attributes:
        absolute: weighed by what each unit was shown so far.
        relative: as a share of the baseline's mean.
        confidence: of every interval of the report, in (0, 1).
        method: the name of the intervals' kind.
        anytime_valid: whether the intervals hold at every look.
        asymptotic: whether that of `absolute` holds only once there are many units;
            all others of this object do.
        units: that are compared.
        randomised: the same by each unit's group alone, which needs no pmf.
        one_step: as if each decision were its unit's first; absent where earlier
            decisions may matter.
        former: of an experiment that an earlier version has begun; else absent.
        adjusted: by the declared covariate; absent without one.
        chance_to_beat: that the bandit earns more, at one look, under a stated prior.
    """

    absolute: Estimated
    relative: Estimated
    confidence: float
    method: str
    anytime_valid: bool
    asymptotic: bool
    units: UnitCounts
    randomised: Comparison
    one_step: Comparison | msgspec.UnsetType = msgspec.UNSET
    former: FormerUplift | msgspec.UnsetType = msgspec.UNSET
    adjusted: AdjustedUplift | msgspec.UnsetType = msgspec.UNSET
    chance_to_beat: Chance | msgspec.UnsetType = msgspec.UNSET


class Group(msgspec.Struct, frozen=True):
    """One group: `mean` reward a decision over `n` matured decisions of `units`.

    Attributes:
        period: of the decisions, by their exposure.
    """

    group: GroupName
    n: int
    units: int
    mean: float | None
    interval: Bounds
    reason: Reason = msgspec.UNSET
    period: Period = NEVER


class VariantRow(msgspec.Struct, frozen=True):
    """One variant among the treatment's matured decisions.

    Attributes:
        share: of those decisions, 0 to 1; None where they are a biased sample.
        units: that the decisions are of; None where they are not summed up by unit.
        ips: what always choosing it would have earned.
        period: of the decisions, by their exposure.
    """

    variant: str
    share: float | None
    n: int
    units: int | None
    mean: float | None
    interval: Bounds
    ips: Estimated
    reason: Reason = msgspec.UNSET
    period: Period = NEVER


class Guardrail(msgspec.Struct, frozen=True):
    """The verdict on a declared metric: is it worse by more than its margin?"""

    status: GuardrailStatus
    direction: Literal["higher", "lower"]
    margin: float
    difference: Estimated
    detail: str
    chance_to_beat: Chance | msgspec.UnsetType = msgspec.UNSET


class MetricRow(msgspec.Struct, frozen=True):
    """One secondary metric in one group.

    Attributes:
        n: matured decisions; one without a report counts as 0.
        reported: decisions for which it was reported.
        guardrail: None for a metric that is not declared.
    """

    metric: str
    group: GroupName
    n: int
    reported: int
    total: float
    mean: float | None
    guardrail: Guardrail | None


class HistoryPoint(msgspec.Struct, frozen=True):
    """The report up to a moment, and what happened since the point before.

    Attributes:
        at: the moment, ISO 8601 in UTC.
        treatment: mean reward so far.
        baseline: mean reward so far.
        shown: the treatment's decisions within the stretch.
        shares: of each variant among `shown`.
        matured: decisions of both groups within the stretch.
        rewarded: the share of `matured` that got a reward.
    """

    at: str
    joined: int
    uplift: Estimated
    treatment: float | None
    baseline: float | None
    shown: int
    shares: dict[str, float]
    matured: int
    rewarded: float


class SegmentGroup(msgspec.Struct, frozen=True):
    """One group within a segment.

    Attributes:
        units: that the decisions are of; None for several values together.
        mean: weighed as the uplift, which is what the groups' means differ by.
    """

    group: GroupName
    n: int
    units: int | None
    mean: float | None


class Segment(msgspec.Struct, frozen=True):
    """The uplift where a context key has one value.

    Attributes:
        folded: whether it holds all values that are too rare to be shown.
        significant: whether its interval excludes 0.
    """

    key: str
    value: str
    folded: bool
    groups: tuple[SegmentGroup, ...]
    uplift: Estimated
    significant: bool


class SegmentRule(msgspec.Struct, frozen=True):
    """The correction of the segments' intervals for their number.

    Attributes:
        confidence: of each interval.
        tested: segments among which differences are looked for.
        discovered: those of them whose interval excludes 0.
        left_out: decisions that segments lack because their unit has been in too many
            segments and variants; counted once a segment.
    """

    confidence: float
    tested: int
    discovered: int
    detail: str
    left_out: int = 0


class Window(msgspec.Struct, frozen=True):
    """The reward window, in seconds, that would count this share of the rewards."""

    share: float
    seconds: float | None


class LatencyBin(msgspec.Struct, frozen=True):
    """Rewards by the time from their decision: counted ones and late ones."""

    from_seconds: float
    to_seconds: float
    counted: int
    late: int


class Latency(msgspec.Struct, frozen=True):
    """The times from decisions to their rewards."""

    rewards: int
    late: int
    late_share: float | None
    window_seconds: float
    windows: tuple[Window, ...]
    detail: str
    histogram: tuple[LatencyBin, ...]


class Model(msgspec.Struct, frozen=True):
    """The model version that is served.

    Attributes:
        version: 0 if nothing has been published.
        catching_up: whether a changed policy is being trained.
        learned: decisions that it has learned from.
        lag_seconds: how long the oldest matured decision has waited to be learned.
    """

    version: int
    policy: dict[str, Any]
    catching_up: bool
    learned: int
    age_seconds: float | None
    lag_seconds: float


class ModelEvidenceRow(msgspec.Struct, frozen=True):
    """How well one model of a policy that chooses among models has predicted.

    Attributes:
        policy: the name of the model.
        weight: its share of what is served.
        estimate: its mean squared error over that of what was served; below 1 is
            better. Null where it is left out or has learned too little.
    """

    policy: str
    weight: float
    estimate: float | None
    interval: Bounds


class PolicyChoice(msgspec.Struct, frozen=True):
    """The models of a policy that chooses among models, and the evidence for each.

    Attributes:
        serving: the model of most weight.
    """

    serving: str
    evidence: tuple[ModelEvidenceRow, ...]


class PolicyMemory(msgspec.Struct, frozen=True):
    """How much of what the served model has learned still counts.

    Attributes:
        learned: decisions.
        effective: decisions that its predictions are about worth.
        changes: times that it found a change of the rewards and began again.
        last_change: the decisions it had learned at the last one.
    """

    learned: int
    effective: float
    changes: int
    last_change: int | None


class Thinning(msgspec.Struct, frozen=True):
    """The shares of decisions of an experiment that does not use all of them.

    Attributes:
        learn_share: that policies learn from, 0 to 1.
        evaluate_share: on which candidates are evaluated as they come, 0 to 1.
    """

    learn_share: float
    evaluate_share: float


class Report(msgspec.Struct, frozen=True):
    """The rewards of an experiment, and the checks of their soundness."""

    experiment: str
    as_of: str
    status: Status
    revision: int
    decisions: Decisions
    uplift: Uplift
    groups: tuple[Group, Group]
    variants: tuple[VariantRow, ...]
    policies: tuple[PolicyRow, ...]
    reward_model: RewardModelQuality
    metrics: tuple[MetricRow, ...]
    history: tuple[HistoryPoint, ...]
    segments: tuple[Segment, ...]
    segment_rule: SegmentRule
    latency: Latency
    model: Model
    health: tuple[Check, ...]
    pending: Pending = Pending()
    policy_choice: PolicyChoice | None = None
    policy_memory: PolicyMemory | None = None
    outlook: Outlook | None = None
    money: Money | None = None
    without_consent: tuple[WithoutConsent, ...] = ()
    made: ReportRange | None = msgspec.field(default=None, name="range")
    verdict: str = ""
    derived_metrics: tuple[DerivedRow, ...] = ()
    claims: Claims | None = None
    corrections: CorrectedRewards = CorrectedRewards()
    restricted: tuple[Restricted, ...] = ()
    slots: tuple[SlotRow, ...] = ()
    deployed: Deployed | None = None
    apprentice: Apprentice | None = None
    thinning: Thinning | None = None
