"""A split: the policy of an experiment and another one, side by side, by unit.

Owns what a definition says of a split, its checks, the branch of a unit, and the shares
that a ramp goes through. Pure; what is done with an estimate is verdict.py's.

A unit has one number for the life of a split. It is in the other policy's branch while
that number is below the branch's share, so that a growing share moves only the
difference: a unit that has come to the other policy stays with it.
"""

import functools
import hashlib
from typing import Any, Literal, assert_never

import msgspec

from bandit_svc.domain.splits.branch import Branch
from bandit_svc.domain.variant import KEY_RULE, is_key
from bandit_svc.errors import InvalidInput

CURRENT = "current"
"""The branch of the definition's own policy."""
CANDIDATE = "candidate"
"""A name that stands for the only candidate of an experiment."""
MAX_STEPS = 20
MAX_MARGIN = 1e9
MAX_REASON = 1_000
_TOLERANCE = 1e-9
_SHARE_DIGITS = 12

AdvanceWhen = Literal[
    "lower_bound > -margin", "lower_bound > 0", "lower_bound > margin", "never"
]
RollBackWhen = Literal[
    "guardrail_breached", "upper_bound < 0", "upper_bound < -margin", "never"
]
State = Literal["training", "running", "paused"]


class Split(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The policy and another one, each with a share of the treatment's units.

    `policies` holds the shares now: `current` is the definition's policy, the other
    name is the label of a candidate, or of the policy in `policy`.
    """

    policies: dict[str, float]
    policy: dict[str, Any] | None = None
    """The spec of the other policy; null takes the candidate of its name."""
    ramp: tuple[float, ...] = (0.1, 0.3, 1.0)
    """The shares of the other policy, rising. At 1 it becomes the policy."""
    advance_when: AdvanceWhen = "lower_bound > -margin"
    rollback_when: RollBackWhen = "guardrail_breached"
    margin: float = 0.05
    """How much less the other policy may earn, see `margin_in`."""
    margin_in: Literal["share", "reward"] = "share"
    """Of the current policy's mean reward, or in units of the reward."""
    reason: str = ""
    """Why there is a split; kept with its first step."""
    state: State = "training"
    """Kept by the service: `training` until the other policy has learned the log."""
    since: int | None = None
    """Kept by the service: the revision that began the split."""

    @property
    def name(self) -> str:
        """The name of the other policy."""
        return next(name for name in self.policies if name != CURRENT)

    @property
    def share(self) -> float:
        """The share of units that the other policy has by the plan, also in training.

        See `served_share`.
        """
        return self.policies[self.name]

    @property
    def served_share(self) -> float:
        """The share of units that get the other policy now: none in training."""
        match self.state:
            case "training":
                return 0.0
            case "running" | "paused":
                return self.share
            case _:
                assert_never(self.state)

    @property
    def id(self) -> int:
        """The number of the split in its experiment; 0 before it is stored."""
        return self.since or 0

    @property
    def next_share(self) -> float | None:
        """The share of the next step; None behind the last one."""
        return next((one for one in self.ramp if one > self.share + _TOLERANCE), None)

    def at_share(self, share: float) -> "Split":
        """Return the split with another share of the other policy."""
        shares = {CURRENT: round(1.0 - share, _SHARE_DIGITS), self.name: share}
        ordered = {name: shares[name] for name in self.policies}
        return msgspec.structs.replace(self, policies=ordered)


def branch_of(split: Split, uniform: float) -> Branch:
    """Return the branch of a number that is uniform in [0, 1)."""
    share = split.served_share
    if uniform < share:
        return Branch(split.id, split.name, share)
    return Branch(split.id, CURRENT, 1.0 - share)


def is_other(branch: Branch | None) -> bool:
    """Return whether a decision was made by the other policy of a split."""
    return branch is not None and branch.name != CURRENT


def uniform_of_branch(salt: str, since: int, unit_id: str) -> float:
    """Return a unit's number in [0, 1), by which its branch is told for any share.

    Args:
        salt: of the experiment.
        since: of the split; another split draws other numbers.
        unit_id: of the unit.
    """
    digest = _split_hash(salt, since).copy()
    digest.update(unit_id.encode("utf-8", "surrogatepass"))
    return int.from_bytes(digest.digest(), "big") / 2**64


@functools.lru_cache(maxsize=1024)
def _split_hash(salt: str, since: int) -> "hashlib.blake2b":
    """Return the begun hash of a split, to be copied for each unit."""
    hashing = hashlib.blake2b(digest_size=8, key=salt.encode(), person=b"split")
    hashing.update(since.to_bytes(8, "big"))
    return hashing


def check_split(split: Split | None, *, successes_first: bool) -> None:
    """Refuse a split that can't be run.

    Args:
        split: of a definition.
        successes_first: whether a decision is joined at its first reward, so that no
            interval of the joined ones is valid.

    Raises:
        InvalidInput: with the pointer to the first field at fault.
    """
    if split is None:
        return
    _check_policies(split.policies)
    _check_ramp(split.ramp)
    if successes_first:
        _check_by_hand(split)
    if not 0.0 <= split.margin <= MAX_MARGIN:
        raise InvalidInput.at(
            "/split/margin",
            f"margin is {split.margin}; it must be between 0 and {MAX_MARGIN:g}",
        )
    if len(split.reason) > MAX_REASON:
        raise InvalidInput.at(
            "/split/reason",
            f"reason has {len(split.reason)} characters; at most {MAX_REASON} are "
            "allowed",
        )


def _check_policies(policies: dict[str, float]) -> None:
    others = [name for name in policies if name != CURRENT]
    if CURRENT not in policies or len(others) != 1:
        raise InvalidInput.at(
            "/split/policies",
            f"policies names {', '.join(policies) or 'nothing'}; it must name "
            f"{CURRENT!r} and one other policy",
        )
    (name,) = others
    if not is_key(name):
        raise InvalidInput.at(
            "/split/policies", KEY_RULE.replace("a key", "the name of a policy")
        )
    # NaN fails the comparisons too.
    for one, share in policies.items():
        if not 0.0 < share < 1.0:
            raise InvalidInput.at(
                f"/split/policies/{one}",
                f"the share is {share}; it must be above 0 and below 1. Without a "
                "split (null) the policy has all units; a new `policy` takes them all",
            )
    total = sum(policies.values())
    if not abs(total - 1.0) <= _TOLERANCE:
        raise InvalidInput.at(
            "/split/policies", f"the shares add up to {total:g}; they must add up to 1"
        )


def _check_by_hand(split: Split) -> None:
    """Refuse conditions on an interval that would not be valid."""
    for name in ("advance_when", "rollback_when"):
        if getattr(split, name) != "never":
            raise InvalidInput.at(
                f"/split/{name}",
                f"{name} is {getattr(split, name)!r}; with learn_on first_reward "
                "successes are joined before failures, so that no interval is valid at "
                "every look. Only 'never' is allowed: steer the split by hand, or "
                "create an experiment with learn_on maturity",
            )


def _check_ramp(ramp: tuple[float, ...]) -> None:
    if not 0 < len(ramp) <= MAX_STEPS:
        raise InvalidInput.at(
            "/split/ramp",
            f"ramp has {len(ramp)} shares; it must have between 1 and {MAX_STEPS}",
        )
    before = 0.0
    for index, share in enumerate(ramp):
        if not before < share <= 1.0:
            raise InvalidInput.at(
                f"/split/ramp/{index}",
                f"the share is {share}; shares of a ramp must rise, from above 0 to "
                "at most 1",
            )
        before = share
