"""Rows of the store, in the same shape for every backend.

Owns plain records; no behaviour and no SQL.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from bandit_svc.domain.events.codec import Fact
from bandit_svc.domain.events.cursor import Cursor
from bandit_svc.domain.events.damage import Damage
from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.experiment import Group
from bandit_svc.domain.people.credit import CreditRule
from bandit_svc.domain.slots.places import is_forced

DecisionState = Literal["deferred", "open", "joined", "ambiguous"]


class Revision(msgspec.Struct, frozen=True):
    """One definition that an experiment has had."""

    revision: int
    revised_at_ms: int
    definition: dict[str, Any]
    note: str = ""
    """Who or what made the revision, and why; may be empty."""


class ClosingRule(NamedTuple):
    """When a decision is ready to be joined, as its revision says."""

    closes_after_ms: int
    window_ms: int
    on_first_reward: bool
    sticky: bool = False
    credit: CreditRule | None = None
    expose_within_ms: int | None = None
    """How long after a deferred decision it may be activated; None for the window."""


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """One fact of the event log.

    Attributes:
        logged: the payload of the record, or a line of format 1.
        event, rule: a decision has its context in JSON, and comes with a rule.
        parts: bodies of the shared parts that it may need, by key; None: a line.
        source: a number of its partition.
    """

    logged: bytes
    event: Fact
    rule: ClosingRule | None = None
    parts: Mapping[bytes, bytes] | None = None
    source: int = 0


class IngestOutcome(msgspec.Struct):
    """Outcome of a batch of arrivals: counts by (experiment number, name)."""

    counts: dict[tuple[int, str], int] = {}


class FoundDamages(NamedTuple):
    """What the event log has lost in a batch, and when that was found."""

    damages: Sequence[Damage] = ()
    found_at_ms: int = 0
    remains: Mapping[Damage, bytes] = {}
    """Bytes that an operator may want to look at, by damage."""


class ReleasedCount(NamedTuple):
    """How many facts were in the partitions of the log that are gone.

    Attributes:
        facts: the store's count; None in a store of an earlier version.
        accepted: how many more than the log's it was when that was found last.
    """

    facts: int | None = None
    accepted: int = 0


class RewardRow(msgspec.Struct, frozen=True):
    """A reward as kept."""

    metric: str
    reward_id: str
    value: float
    occurred_at_ms: int
    received_at_ms: int
    late: bool
    conflicts: int
    corrected_from: float | None = None
    """The value that it was reported with, where it has another one now."""
    source: Literal["decision", "unit", "event"] = "decision"
    slot: int = 0
    """What its report named, and which slot of a page: 0 for all of it."""


class DecisionView(msgspec.Struct, frozen=True):
    """One decision with all that became of it."""

    decision: Decision
    state: DecisionState
    exposed_at_ms: int | None
    closes_at_ms: int | None
    rewards: tuple[RewardRow, ...]
    joined_reward: float | None = None
    joined_position: int | None = None


class OrphanRow(msgspec.Struct, frozen=True):
    """A reward whose decision is unknown so far."""

    decision_id: str
    number: int
    metric: str
    reward_id: str
    value: float
    received_at_ms: int


class DueDecision(msgspec.Struct, frozen=True, gc=False):
    """A decision whose window has closed, and what was reported for it."""

    row_id: int
    decision_id: str
    number: int
    revision: int
    group: Group
    variant: str
    exposed_at_ms: int
    rewards: tuple[tuple[str, str, float, int, int], ...]
    """(metric, reward_id, value, occurred_at_ms, received_at_ms)"""
    decision: Decision
    of_slots: tuple[tuple[int, tuple[str, str, float, int, int]], ...] = ()


class ClosedDecision(msgspec.Struct, frozen=True, gc=False):
    """A due decision with its reward, as the join closes it."""

    due: DueDecision
    reward: float
    counted: int
    learnable: bool
    secondary: Mapping[str, float]
    """Sums of the secondary metrics that were reported in time."""
    late: tuple[tuple[int, str, str], ...]
    """(slot, metric, reward_id) of the rewards that did not count; slot 0 is all."""
    latencies: tuple[tuple[int, bool], ...] = ()
    """(milliseconds from exposure to reward, whether it counted)"""
    clipped: int = 0
    """Rewards that took the decision's sum out of the range, each within it itself."""
    restricted: bool = False
    """Whether a variant of the baseline was not eligible."""
    slots: tuple[float, ...] | None = None
    """What a page earned as a whole, and then in each of its slots."""

    @property
    def forced(self) -> bool:
        """Return whether its variant was the only eligible one."""
        return is_forced(self.due.decision)


def closing_counts(closed: Iterable[ClosedDecision]) -> Counter[tuple[int, str]]:
    """Return the counters that rise by what is known of decisions once they close."""
    counts = clipped_counts(closed)
    for c in closed:
        if c.forced:
            counts[c.due.number, f"forced_{c.due.group}"] += 1
        if c.restricted:
            counts[c.due.number, f"restricted_{c.due.group}"] += 1
    return counts


def clipped_counts(closed: Iterable[ClosedDecision]) -> Counter[tuple[int, str]]:
    """Return the counters that rise by values for which a decision had no room."""
    counts: Counter[tuple[int, str]] = Counter()
    for c in closed:
        if c.clipped:
            counts[c.due.number, f"rewards_clipped_{c.due.group}"] += c.clipped
    return counts


class ClosedRow(NamedTuple):
    """One joined decision with all that was reported for it."""

    position: int
    reward: float
    due: DueDecision


class JoinedRow(msgspec.Struct, frozen=True, gc=False):
    """One joined decision in the recorded order."""

    position: int
    reward: float
    learnable: bool
    decision: Decision
    slots: tuple[float, ...] | None = None
    place: int = 0  # of a slot that is in its page's place


class Tally(msgspec.Struct, frozen=True):
    """Sums of one metric over the joined decisions of a group and a variant."""

    group: Group
    variant: str
    metric: str
    n: int
    total: float
    total_squares: float
    first_ms: int | None = None
    """When the first of the decisions was exposed."""
    last_ms: int | None = None


class EvaluationRow(msgspec.Struct, frozen=True):
    """The progressive evaluation of one candidate policy.

    Attributes:
        policy: its label in the report.
        spec: its normalised spec; another one under the same label begins anew.
        cursor: the last joined position that is in the scores and in the state.
        scores: ope.progressive.weighted' own form.
        state: what a learning policy has learned; empty for the others.
        first_ms: when the first decision in the scores was made; None if an earlier
            version added it.
        last_ms: when the last one was.
    """

    policy: str
    spec: dict[str, Any]
    cursor: int
    scores: bytes
    state: bytes
    first_ms: int | None = None
    last_ms: int | None = None


class RewardModelRow(msgspec.Struct, frozen=True):
    """The state of one reward model of an experiment's candidates.

    Attributes:
        slot: its place among them; 0 is the most advanced one.
        cursor: the last joined position that it has learned from.
        quality: how good its predictions were, in services.evaluation's own form.
        state: what it has learned.
    """

    slot: int
    cursor: int
    quality: bytes
    state: bytes


class EvaluationChanges(NamedTuple):
    """Rows to keep; those of other labels than `labels` are dropped.

    `reward_models` replaces all of the experiment's; None leaves them as they are.
    """

    rows: tuple[EvaluationRow, ...]
    labels: tuple[str, ...]
    reward_models: tuple[RewardModelRow, ...] | None = None


class HistoryRow(NamedTuple):
    """Sums of the decisions exposed in a stretch of time, of a group and variant."""

    begins_at_ms: int
    ends_at_ms: int
    group: Group
    variant: str
    """Empty for all those that are not kept by name."""
    n: int
    total: float
    total_squares: float
    rewarded: int = 0
    """Decisions for which at least one reward counted."""


class LatencyRow(NamedTuple):
    """Rewards of the main metric by latency; see domain.latency."""

    bin: int
    counted: int
    late: int


class UnitRow(NamedTuple):
    """Units of each group at one look."""

    since: int
    """The revision in which the holdout last changed."""
    treatment: int
    baseline: int
    looked: bool
    """True at a look of the sequential test; else these are the current counts."""


class VersionSums(NamedTuple):
    """Logged chances of one model version in one bin, and what came of them."""

    number: int
    version: int
    bin: int
    n: int
    expected: float
    variance: float
    happened: int


class CalibrationRow(NamedTuple):
    """The sums of a block of model versions; blocks are numbered from 0."""

    block: int
    width: int
    """Number of versions in a block: a power of 2."""
    bin: int
    n: int
    expected: float
    variance: float
    happened: int


class JoinedContexts(NamedTuple):
    """What the contexts of joined decisions had, in their order.

    Attributes:
        exposed_at_ms: of each decision.
        present: its (context key, value); `segment.FOLDED` for a value that is not
            kept, and for every value of a key with too many.
        closed: keys that were found to have too many values.
    """

    exposed_at_ms: Sequence[int] = ()
    present: Sequence[Sequence[tuple[str, str]]] = ()
    closed: Sequence[str] = ()


class UpliftSums(NamedTuple):
    """The sums of an experiment's uplift, and what they changed with."""

    state: bytes
    position: int = 0
    """The last joined one that counts."""
    units: Mapping[int, bytes] = {}
    """The state of each unit that has changed, by the unit's hash."""
    anew: bool = False
    """True where the states of all other units, and the drift, are void."""
    contexts: JoinedContexts = JoinedContexts()
    """Of the decisions that were added, for the drift."""


class JoinSums(NamedTuple):
    """Sums of a batch of closed decisions, to be stored with it."""

    calibration: Sequence[VersionSums] = ()
    adjusted: Mapping[int, bytes] = {}
    """The state of the adjusted uplift, by experiment number."""
    uplift: Mapping[int, UpliftSums] = {}
    """By experiment number."""


class DriftRow(NamedTuple):
    """A stretch of the joined order, and how often it had each value of a key."""

    begins_at_ms: int
    """When the first of its decisions was exposed."""
    n: int
    present: Mapping[str, Mapping[str, int]]
    """Decisions by key and value; `segment.FOLDED` for values that are not kept."""


class Totals(msgspec.Struct, frozen=True):
    """Counts of one experiment, by name (see storage.counters).

    Attributes:
        orphans: rewards that wait for their decision for longer than 10 s.
        first_ready_at_ms: when the first of the pending decisions matures.
        rewarded: pending decisions with a reward; only while none has joined.
    """

    counts: Mapping[str, int]
    pending: int
    unexposed: int
    orphans: int
    joined: int
    first_ready_at_ms: int | None = None
    rewarded: int | None = None


Cursors = dict[str, Cursor]
