"""One place where a choice is made: its definition, its rules, its groups.

Owns the definition that callers write, the record that the store keeps, the assignment
of units to groups, and the hash by which a unit is kept. Pure; a policy's own settings
are checked by `policies.spec`, called from services.managing.lifecycle.
"""

import hashlib
from typing import Any, Literal, assert_never

import msgspec

from bandit_svc.domain.aggregates import Aggregate
from bandit_svc.domain.apprentice.mode import LIVE, Mode, SwitchAt, check_mode
from bandit_svc.domain.covariate import Covariate, check_covariate
from bandit_svc.domain.enriching.declared import Enrich, check_enrich
from bandit_svc.domain.events.decision_id import MAX_SLOTS
from bandit_svc.domain.events.reward import MAIN_METRIC
from bandit_svc.domain.learning.thinning import SHARES
from bandit_svc.domain.limits import MAX_GRACE_S, MAX_WINDOW_S
from bandit_svc.domain.metric import Derived, Metric, check_derived, check_metrics
from bandit_svc.domain.people.credit import Credit, CreditRule, check_credit
from bandit_svc.domain.people.feature import parse_features
from bandit_svc.domain.people.field_policy import Declared, check_fields
from bandit_svc.domain.people.sticky import Sticky, check_sticky
from bandit_svc.domain.splits.split import Split, check_split
from bandit_svc.domain.variant import (
    KEY_RULE,
    Variant,
    check_max_shares,
    check_variants,
    is_key,
)
from bandit_svc.errors import FieldError, InvalidInput, NotFound, WayOut
from policies.draws import groups

Status = Literal["running", "paused", "archived"]
Group = Literal["treatment", "baseline"]

TREATMENT: Group = "treatment"
BASELINE: Group = "baseline"
MAX_REWARD = 1e9
MAX_UNIT_LENGTH = 16
PLANNED = (100, 1e12)
"""The least and the most decisions that an experiment can be planned for."""
LIFTS = (1e-6, 100.0)
"""The least and the largest lift that can be asked for, as shares."""
UNIT_HASH_BYTES = 8
_SALT_BYTES = 64
uniform_of_unit = groups.uniform_of_unit


class RewardDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The range of a reward and the rules by which it counts.

    A reward that occurred up to `window_seconds` after the exposure and was
    received up to `grace_seconds` after that counts. A decision matures at the
    end of both. A value beyond `minimum` or `maximum` is clipped to it, and so is the
    aggregate of a decision. Without a `maximum` (null) rewards are not bounded above.
    """

    window_seconds: float = 1_800.0
    grace_seconds: float = 0.0
    aggregate: Aggregate = "sum"
    default: float = 0.0
    minimum: float = 0.0
    maximum: float | None = 1.0
    learn_on: Literal["maturity", "first_reward"] = "maturity"
    unit: str = ""
    """What a reward of 1 is, such as EUR or click; shown beside amounts."""
    event: str | None = None
    """The name of an event of a unit that is a reward of its decisions."""
    value: str = "value"
    """Where the event has its number: `value`, or `properties.NAME`."""
    credit: Credit | None = None
    """Which decisions of a unit a reward goes to that names none: `last_exposed`, or
    `all`, which share it equally. None: such rewards are refused, unless `event` is
    declared, which goes to the last one."""
    within_seconds: float | None = None
    """How far back credit looks; None for the window."""

    @property
    def credit_rule(self) -> CreditRule | None:
        """Return how rewards of a unit are credited; None where they are refused."""
        if self.event is None and self.credit is None:
            return None
        within = self.within_seconds
        within_ms = self.window_ms if within is None else round(within * 1000)
        return CreditRule(within_ms, self.credit == "all")

    @property
    def window_ms(self) -> int:
        """The reward window in milliseconds."""
        return round(self.window_seconds * 1000)

    @property
    def closes_after_ms(self) -> int:
        """From the exposure to the maturity of a decision, in milliseconds."""
        return round((self.window_seconds + self.grace_seconds) * 1000)

    @property
    def closes_at_first_reward(self) -> bool:
        """Return whether the first reward that counts closes a decision."""
        match self.learn_on:
            case "first_reward":
                return True
            case "maturity":
                return False
            case _:
                assert_never(self.learn_on)

    def clip(self, value: float) -> float:
        """Bring an aggregate into the declared range."""
        return min(max(value, self.minimum), self.upper)

    @property
    def upper(self) -> float:
        """The largest reward that can be counted; MAX_REWARD without a maximum."""
        return MAX_REWARD if self.maximum is None else self.maximum

    @property
    def width(self) -> float:
        """The width of the range of rewards that can be counted."""
        return self.upper - self.minimum


class Definition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A definition as callers write it; every change is a new revision."""

    key: str
    variants: tuple[Variant, ...]
    description: str = ""
    policy: dict[str, Any] = msgspec.field(default_factory=lambda: {"kind": "auto"})
    baseline: dict[str, Any] | None = None
    holdout: float = 0.1
    exploration_floor: float = 0.02
    learn_from_baseline: bool = False
    learn_share: float = 1.0
    """The share of decisions that policies learn from; see domain/learning."""
    evaluate_share: float = 1.0
    """The share of decisions on which candidates are evaluated as they come."""
    request_variants: Literal["refuse", "narrow", "replace"] = "narrow"
    reward: RewardDefinition = RewardDefinition()
    metrics: tuple[Metric, ...] = ()
    derived_metrics: tuple[Derived, ...] = ()
    candidates: tuple[dict[str, Any], ...] = ()
    covariate: Covariate | None = None
    features: dict[str, str] = {}
    """What the policy reads of a unit's events, by name; see domain/people/feature.py.
    """
    fields: dict[str, Declared] = {}
    """What is kept of each key of a context; see domain/people/field_policy.py."""
    enrich: Enrich | None = None
    """What the service adds to the context; see domain/enriching/declared.py."""
    features_strict: bool = False
    """Whether an undeclared key that looks like a fact of a person is refused."""
    opt_out: str = ""
    """What a person who asks why is told of the way out: a sentence or an address."""
    sticky: Sticky | None = None
    expose_within_seconds: float | None = None
    """How long after a deferred decision it may be activated; None for the window. One
    that is activated later never counts."""
    carry_over: Literal["possible", "none"] = "possible"
    """`none` declares that no decision of a unit changes anything of its later ones."""
    planned_decisions: int | None = None
    """Decisions of both groups that the experiment is planned for: there the interval
    of the uplift is tightest. Fixed for life. None for 5,000."""
    smallest_lift: float | None = None
    """The smallest relative uplift that is worth finding, as a share."""
    split: Split | None = None
    """The policy and another one, side by side; see domain/splits/split.py."""
    slots: int | None = None
    """The places of a page, for requests that don't say; None for one choice."""
    status: Status = "running"
    programme: str | None = None
    """The key of the programme that puts its units in groups; None for none."""
    channel: str = ""
    """Where its variants are shown, such as email or push; programmes read it."""
    mode: Mode = LIVE
    """`apprentice`: the caller's own system chooses, and the policy learns from it."""
    switch_at: SwitchAt | None = None
    """The bound at which an apprentice is made live; None for by hand alone."""

    @property
    def active_variants(self) -> tuple[Variant, ...]:
        """The variants that can be chosen, in order."""
        return tuple(v for v in self.variants if not v.retired)

    @property
    def expose_within_ms(self) -> int:
        """Return how long after a deferred decision it may be activated, in ms."""
        within = self.expose_within_seconds
        return self.reward.window_ms if within is None else round(within * 1000)

    def clip(self, metric: str, value: float) -> float:
        """Bring a value of a metric into its declared range, if it has one."""
        if metric == MAIN_METRIC:
            return self.reward.clip(value)
        for declared in self.metrics:
            if declared.name == metric:
                return declared.clip(value)
        return value


class Experiment(msgspec.Struct, frozen=True):
    """A definition as the store keeps it.

    `number` is small and unique for ever; ids carry it. `salt` decides the
    groups and never changes.
    """

    number: int
    revision: int
    salt: str
    created_at_ms: int
    revised_at_ms: int
    definition: Definition

    @property
    def key(self) -> str:
        """The name that callers use."""
        return self.definition.key


def unknown_experiment(key: str, pointer: str | None = None) -> NotFound:
    """Return the error for a key that no experiment has.

    Args:
        key: what the caller sent, of any length.
        pointer: of the field that it came in, if it came in one.
    """
    way_out = WayOut(
        api="GET /v1/experiments lists those that exist",
        command="`bandit-svc experiment list` lists those that exist",
        page="the list of experiments has those that exist",
    )
    fault = f"there is no experiment {key[:128]!r}"
    fields = [] if pointer is None else [FieldError(pointer, f"{fault}; {way_out.api}")]
    return NotFound(fault, *fields, way_out=way_out)


def check_definition(definition: Definition) -> None:
    """Refuse a definition that can't be run.

    Raises:
        InvalidInput: with the pointer to the first field at fault.
    """
    if not is_key(definition.key):
        raise InvalidInput.at("/key", KEY_RULE)
    check_variants(definition.variants)
    if not definition.active_variants:
        raise InvalidInput.at(
            "/variants",
            "every variant is retired; keep one active, or pause the experiment",
        )
    if len(definition.description) > 1_000:  # noqa: PLR2004 - said in the message
        raise InvalidInput.at("/description", "at most 1000 characters are allowed")
    _between("/holdout", definition.holdout, 0.0, 0.9)
    _between("/exploration_floor", definition.exploration_floor, 0.0, 1.0)
    _between("/learn_share", definition.learn_share, *SHARES)
    _between("/evaluate_share", definition.evaluate_share, *SHARES)
    check_max_shares(definition.variants, definition.exploration_floor)
    if definition.planned_decisions is not None:
        _between("/planned_decisions", definition.planned_decisions, *PLANNED)
    if definition.smallest_lift is not None:
        _between("/smallest_lift", definition.smallest_lift, *LIFTS)
    if definition.expose_within_seconds is not None:
        _between(
            "/expose_within_seconds",
            definition.expose_within_seconds,
            0.001,
            MAX_WINDOW_S,
        )
    if definition.slots is not None:
        _between("/slots", definition.slots, 1, MAX_SLOTS)
    check_reward(definition.reward)
    check_metrics(definition.metrics)
    check_derived(
        definition.derived_metrics, definition.metrics, definition.reward.minimum
    )
    check_covariate(definition.covariate)
    parse_features(definition.features)
    check_sticky(definition.sticky)
    check_fields(definition.fields)
    check_enrich(definition.enrich)
    if definition.channel and not is_key(definition.channel):
        raise InvalidInput.at("/channel", KEY_RULE)
    check_split(
        definition.split, successes_first=definition.reward.closes_at_first_reward
    )
    beside = {
        "programme": definition.programme is not None,
        "split": definition.split is not None,
        "slots": definition.slots is not None,
        "reward.learn_on": definition.reward.closes_at_first_reward,
    }
    check_mode(definition.mode, definition.switch_at, beside)
    if len(definition.opt_out) > 1_000:  # noqa: PLR2004 - said in the message
        raise InvalidInput.at("/opt_out", "at most 1000 characters are allowed")


def check_reward(reward: RewardDefinition) -> None:
    """Refuse a reward definition that can't be aggregated or scaled.

    Raises:
        InvalidInput: with the pointer to the field at fault.
    """
    _between("/reward/window_seconds", reward.window_seconds, 0.001, MAX_WINDOW_S)
    if len(reward.unit) > MAX_UNIT_LENGTH or not reward.unit.isprintable():
        raise InvalidInput.at(
            "/reward/unit",
            f"unit has {len(reward.unit)} characters; at most {MAX_UNIT_LENGTH} that "
            "can be printed are allowed, such as EUR",
        )
    _between("/reward/grace_seconds", reward.grace_seconds, 0.0, MAX_GRACE_S)
    _between("/reward/minimum", reward.minimum, -MAX_REWARD, MAX_REWARD)
    _between("/reward/maximum", reward.upper, -MAX_REWARD, MAX_REWARD)
    if not reward.minimum < reward.upper:
        raise InvalidInput.at(
            "/reward/maximum",
            f"maximum is {reward.maximum}; it must be above minimum, {reward.minimum}",
        )
    _between("/reward/default", reward.default, reward.minimum, reward.upper)
    check_credit(reward.event, reward.value, reward.within_seconds)


def _between(pointer: str, value: float, low: float, high: float) -> None:
    # NaN fails the comparison too.
    if not low <= value <= high:
        name = pointer.rsplit("/", 1)[-1]
        raise InvalidInput.at(
            pointer, f"{name} is {value}; it must be between {low:g} and {high:g}"
        )


def assign_group(salt: str, unit_id: str, holdout: float) -> Group:
    """Put a unit in its group: the same one at every call.

    One number is compared with any holdout share, so that a changed holdout moves only
    the units between the old share and the new one: a unit that is in at 0.1 is in at
    0.5.
    """
    return group_of(uniform_of_unit(salt, unit_id), holdout)


def group_of(uniform: float, holdout: float) -> Group:
    """Return the group of a number that is uniform in [0, 1)."""
    return BASELINE if groups.is_held_out(uniform, holdout) else TREATMENT


class UnitHashes:
    """Hashes by which the store knows an experiment's units, never who they are."""

    __slots__ = ("_salted",)

    def __init__(self, salt: str) -> None:
        self._salted = hashlib.blake2b(
            digest_size=UNIT_HASH_BYTES, key=salt.encode()[:_SALT_BYTES], person=b"unit"
        )

    def of(self, unit_id: str) -> int:
        """Return the hash of a unit as a signed number of 64 bits."""
        # A copy has the salt behind it already.
        hashing = self._salted.copy()
        hashing.update(unit_id.encode("utf-8", "surrogatepass"))
        return int.from_bytes(hashing.digest(), "big", signed=True)
