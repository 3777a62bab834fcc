"""The protocol of a bandit policy.

Owns the terms that all policies share: context, action, pmf, learn, dump, load.
Must not know of experiments, requests, storage or the clock. An action is an entry of
a list here; the service calls it a variant.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Protocol, Self, runtime_checkable

import msgspec

Scalar = str | int | float | bool | None
Features = Mapping[str, Scalar]
Context = Mapping[str, Scalar | Features]
"""Features of a request; a nested mapping is a namespace (one level)."""


class PolicyError(Exception):
    """A spec, an argument or a state that a policy refuses.

    `field` is the path of the setting at fault inside the policy's spec
    ("explorer", "epsilon"), or None.
    """

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class Action(msgspec.Struct, frozen=True):
    """One thing that can be chosen, with what a policy may learn from."""

    key: str
    features: Features = {}


class LeftActions(tuple[Action, ...]):  # noqa: SLOT001 - Python allows it none
    """Actions that are left of a list, in its order.

    A policy may predict for the whole list, which it knows again, and pick these.

    Attributes:
        whole: the list, which never changes.
        places: of what is left in it, ascending.
    """

    whole: tuple[Action, ...]
    places: tuple[int, ...]

    def __new__(cls, whole: tuple[Action, ...], places: Sequence[int]) -> Self:
        """Return the actions of these places."""
        left = super().__new__(cls, [whole[place] for place in places])
        left.whole, left.places = whole, tuple(places)
        return left


class RewardRange(msgspec.Struct, frozen=True):
    """The declared bounds of a reward; a policy scales by them.

    Attributes:
        maximum: None if rewards are not bounded above.

    Raises:
        PolicyError: a bound is not finite, or minimum is not under maximum.
    """

    minimum: float = 0.0
    maximum: float | None = 1.0

    def __post_init__(self) -> None:
        width = self.width
        if not (math.isfinite(width) and width > 0.0):
            raise PolicyError(
                f"the reward range is {self.minimum} to {self.maximum}; both must "
                "be finite and the minimum less than the maximum"
            )

    @property
    def width(self) -> float:
        """The width of the range; 1 without a maximum, so that units stay rewards."""
        return 1.0 if self.maximum is None else self.maximum - self.minimum

    def scaled(self, reward: float) -> float:
        """Map a reward to [0, 1], 1 being best; without a maximum, to 0 or more.

        Raises:
            PolicyError: the reward is not finite or not within the range.
        """
        # A NaN fails this comparison too.
        most = sys.float_info.max if self.maximum is None else self.maximum
        if not self.minimum <= reward <= most:
            raise PolicyError(
                f"reward is {reward}; it must be between {self.minimum} and "
                f"{most}, the experiment's declared range"
            )
        return (reward - self.minimum) / self.width


def check_example(n_actions: int, chosen: int, propensity: float) -> None:
    """Refuse a joined decision that no policy may learn from.

    Raises:
        PolicyError: there is no action, `chosen` is not an index into them, or
            `propensity` is not in (0, 1].
    """
    check_actions(n_actions)
    if not 0 <= chosen < n_actions:
        raise PolicyError(
            f"chosen is {chosen}; it must be an index into the {n_actions} actions"
        )
    # A NaN fails this comparison too.
    if not 0.0 < propensity <= 1.0:
        raise PolicyError(
            f"propensity is {propensity}; it must be above 0 and at most 1"
        )


def check_actions(n_actions: int) -> None:
    """Refuse an empty list of actions.

    Raises:
        PolicyError: `n_actions` is 0.
    """
    if n_actions == 0:
        raise PolicyError("there is no action to choose from; at least one is needed")


class Chooser(Protocol):
    """Maps a context and a list of actions to a probability for each action."""

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Return the probability of each action, in the order of `actions`.

        Returns:
            One entry an action, each finite and >= 0, summing to 1 within 1e-9.
            The exploration floor is mixed in by the caller (`pmf.mix_floor`).

        Raises:
            PolicyError: `actions` is empty.
        """


class Policy(Chooser, Protocol):
    """A chooser that learns from joined decisions and whose state can be stored.

    A policy's state is a pure function of its spec, its reward range and the
    learned examples in order. It depends on no clock, no unseeded randomness, not on
    how often `pmf` was called, and not on when it was dumped: learning after
    `load(dump())` gives the same bits as learning without them. A policy is not
    thread-safe unless it says so; callers hold one lock per policy.
    """

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Learn from one joined decision.

        Args:
            context: as it was when the choice was made.
            actions: the eligible actions of that choice.
            chosen: index into `actions`.
            propensity: logged probability of the chosen action, in (0, 1].
            reward: within the reward range; higher is better.

        Raises:
            PolicyError: an argument is out of range or not finite; nothing was
                learned.
        """

    def dump(self) -> bytes:
        """Return the state as bytes; equal states have equal bytes."""

    def load(self, state: bytes) -> None:
        """Replace the state by one that `dump` returned, under the same spec.

        Raises:
            PolicyError: the bytes are truncated, altered or of another kind;
                the old state is kept.
        """


@runtime_checkable
class Joint(Policy, Protocol):
    """A policy for which many lists of actions in one context cost less together."""

    def pmfs(
        self, context: Context, lists: Sequence[Sequence[Action]]
    ) -> list[list[float]]:
        """Return what `pmf` returns for each list, bit by bit.

        Raises:
            PolicyError: as `pmf` for one of the lists.
        """


class ModelEvidence(msgspec.Struct, frozen=True):
    """How well one model of a policy that chooses among models has predicted.

    Attributes:
        policy: the name of the model.
        weight: its share of what is served, in [0, 1].
        estimate: mean squared error of its predictions, each made before it learned,
            over that of the served average: below 1 is better. None without examples.
        interval: both ends of a 95 % interval by the normal approximation.
    """

    policy: str
    weight: float
    estimate: float | None
    interval: tuple[float | None, float | None]


@runtime_checkable
class Choosing(Policy, Protocol):
    """A policy that chooses among models by how well each has predicted."""

    def evidence(self) -> list[ModelEvidence]:
        """Return one entry a model, in an order that never changes."""


class Memory(msgspec.Struct, frozen=True):
    """How much of what a policy learned still counts.

    Attributes:
        learned: examples.
        effective: examples that its predictions are about worth.
        changes: times that it found a change and began again.
        last_change: the examples it had learned at the last one; None without.
    """

    learned: int
    effective: float
    changes: int
    last_change: int | None


@runtime_checkable
class Remembering(Policy, Protocol):
    """A policy that knows how much of its log counts."""

    def memory(self) -> Memory:
        """Return how much of the learned examples counts."""
