"""A report that a test makes by hand.

Owns one whose every part is known; a test replaces the parts that it is about.
"""

from msgspec.structs import replace

from bandit_svc.services.report.counts.decisions import Decisions
from bandit_svc.services.report.report import (
    Comparison,
    Group,
    Latency,
    Model,
    Report,
    UnitCounts,
    Uplift,
)
from bandit_svc.services.report.segments import segment_rule
from bandit_svc.services.values import (
    UNKNOWN,
    Estimated,
    PolicyRow,
    RewardModelQuality,
)

COUNTS = Decisions(
    treatment=83,
    baseline=10,
    joined=93,
    pending=7,
    unexposed=0,
    ambiguous=0,
    fallback=0,
    late_rewards=0,
    duplicate_rewards=0,
    conflicting_rewards=0,
    orphan_rewards=0,
    rewards_clipped=0,
    rewards_refused=0,
    units_in_both_groups=0,
    repeats=0,
    forced=0,
    restricted=0,
)
MODEL = Model(
    version=3,
    policy={"kind": "vw"},
    catching_up=False,
    learned=83,
    age_seconds=1.5,
    lag_seconds=0.25,
)
UPLIFT = Uplift(
    absolute=Estimated(0.2, (0.1, 0.3)),
    relative=Estimated(2.0, UNKNOWN),
    confidence=0.95,
    method="trajectory-mixture",
    anytime_valid=True,
    asymptotic=True,
    units=UnitCounts(60, 8),
    randomised=Comparison(Estimated(0.21, (0.08, 0.34)), Estimated(2.1, UNKNOWN)),
)


def report_of(key: str, **parts: object) -> Report:
    """Return a report without checks, rows and history; `parts` replace its own."""
    report = Report(
        experiment=key,
        as_of="2027-01-15T08:00:00.000Z",
        status="running",
        revision=1,
        decisions=COUNTS,
        uplift=UPLIFT,
        groups=(
            Group("treatment", 83, 60, 0.3, (0.2, 0.4)),
            Group("baseline", 10, 8, None, UNKNOWN),
        ),
        variants=(),
        policies=(),
        reward_model=RewardModelQuality(0, None),
        metrics=(),
        history=(),
        segments=(),
        segment_rule=segment_rule(0, 0),
        latency=Latency(0, 0, None, 60.0, (), "no reward has been reported", ()),
        model=MODEL,
        health=(),
        verdict="Wait.",
    )
    return replace(report, **parts)


def policy_row(policy: str, **parts: object) -> PolicyRow:
    """Return a row of 10 decisions without an estimate; `parts` replace its own."""
    nothing = Estimated(None, UNKNOWN)
    row = PolicyRow(
        policy=policy,
        n=10,
        effective_sample_size=7.5,
        mean_weight=1.0,
        max_weight=2.0,
        refused=None,
        estimates={"ips": nothing, "snips": nothing},
    )
    return replace(row, **parts)
