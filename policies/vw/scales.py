"""How rewards and numbers of the context are scaled before Vowpal Wabbit sees them.

Owns both scales of kind `vw`: `running`, by running moments that are part of the
model's state, and `range`, the one of specs that were stored before the setting
existed. Must not import Vowpal Wabbit.

Vowpal Wabbit's step is about learning_rate / sqrt(t) in units of the weights whatever
the size of the labels (AdaGrad), so that labels of 0.01 drown in it; and a number that
was first seen tiny and is later large is extrapolated by their ratio. In deviations
both have a size of about 1.
"""

import struct
from functools import lru_cache
from typing import Protocol

import msgspec

from policies.base import Context, PolicyError, RewardRange
from policies.features import Named, context_features, escaped, squashed
from policies.moments import Moments
from policies.vw.examples import CONSTANT, equality, shared_line, term

REWARD_REACH = 30.0
"""In deviations; it knows rewards that are as rare as one in 900."""
LABEL_BOUND = 10.0
"""In deviations; the largest label, so that one reward can't turn the model."""
NUMBER_REACH = 10.0
NUMBER_BOUND = 4.0
"""In deviations; the largest size of a number of the context."""
STEPS = 16.0
"""A number is rounded to so many steps a deviation. The smallest one that is not 0 is
then 1 / 64 of the largest, which bounds what Vowpal Wabbit extrapolates."""
LEAST_DEVIATION = 1e-6
"""Numbers that differ by less stay small; they are not scaled to 1."""
LEAST_COUNT = 20
"""Values of a number before it is a feature, so that a few strange ones don't set what
is near and far."""
MOST_NUMBERS = 512
"""Numbers with moments; beyond it a new one replaces the one that came least often."""

_LENGTH = struct.Struct(">I")


class Scale(Protocol):
    """The way from a reward to a label and from a context to its line."""

    def learned(self, context: Context, reward: float) -> tuple[str, float]:
        """Add a joined decision, and return the line and the label to learn from.

        Both are scaled by moments that know the decision. A label is higher for a
        better reward.

        Raises:
            PolicyError: the reward or a feature is refused; nothing was added.
        """

    def shared_line(self, context: Context) -> str:
        """Render the context as the first line of an example."""

    def dump(self) -> bytes:
        """Return the state, to precede a saved model."""

    def loaded(self, payload: bytes) -> tuple[bytes, "Scale"]:
        """Return a saved model, and a scale of the state that was before it.

        Raises:
            PolicyError: the state can't be read.
        """


class RangeScale:
    """Labels are shares of the declared range, numbers are unchanged; no state."""

    def __init__(self, reward_range: RewardRange) -> None:
        self._range = reward_range
        self.shared_line = shared_line

    def learned(self, context: Context, reward: float) -> tuple[str, float]:
        """Return the line and the share of the range; there is nothing to add."""
        share = self._range.scaled(reward)
        return shared_line(context), share

    def dump(self) -> bytes:
        """Return no bytes."""
        return b""

    def loaded(self, payload: bytes) -> tuple[bytes, Scale]:
        """Return the payload, which is the model alone."""
        return payload, self


class _State(msgspec.Struct, array_like=True):
    rewards: Moments
    numbers: dict[str, Moments]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_State).decode


class RunningScale:
    """Labels and numbers are distances from a running mean, in deviations."""

    def __init__(self, reward_range: RewardRange) -> None:
        self._range = reward_range
        self._rewards = Moments()
        self._numbers: dict[str, Moments] = {}

    @property
    def rewards(self) -> tuple[float, float]:
        """The running mean and deviation of the rewards."""
        return self._rewards.mean, self._rewards.deviation

    def learned(self, context: Context, reward: float) -> tuple[str, float]:
        """Add the reward and the numbers; return the line and the label."""
        self._range.scaled(reward)
        # All features are read first, so that a refused one changes nothing.
        words, numbers = _read(context)
        self._rewards.learn(reward, REWARD_REACH)
        for name, value in numbers:
            moments = self._numbers.get(name) or self._added(name)
            moments.learn(value, NUMBER_REACH)
        return self._line(words, numbers), self._rewards.standardised(
            reward, LABEL_BOUND
        )

    def shared_line(self, context: Context) -> str:
        """Render the context with its numbers in deviations."""
        return self._line(*_read(context))

    def dump(self) -> bytes:
        """Return the moments behind their length."""
        state = _encode(_State(self._rewards, self._numbers))
        return _LENGTH.pack(len(state)) + state

    def loaded(self, payload: bytes) -> tuple[bytes, "RunningScale"]:
        """Return the bytes behind the moments, and a scale with these moments."""
        try:
            (length,) = _LENGTH.unpack_from(payload)
            end = _LENGTH.size + length
            state = _decode(payload[_LENGTH.size : end])
        except (struct.error, msgspec.DecodeError) as error:
            raise PolicyError(f"the policy state can't be read: {error}") from error
        scale = RunningScale(self._range)
        scale._rewards, scale._numbers = state.rewards, state.numbers
        return payload[end:], scale

    def _added(self, name: str) -> Moments:
        if len(self._numbers) >= MOST_NUMBERS:
            del self._numbers[min(self._numbers, key=self._count)]
        moments = self._numbers[name] = Moments()
        return moments

    def _count(self, name: str) -> int:
        return self._numbers[name].count

    def _line(self, words: list[str], numbers: list[Named]) -> str:
        for name, value in numbers:
            moments = self._numbers.get(name)
            if moments is not None and moments.count >= LEAST_COUNT:
                z = moments.standardised(value, NUMBER_BOUND, LEAST_DEVIATION)
                step = round(z * STEPS)
                # A feature of value 0 is no feature for Vowpal Wabbit.
                if step:
                    words.append(_in_steps(name, step))
        return f"shared |c {CONSTANT} {' '.join(words)}"


def _read(context: Context) -> tuple[list[str], list[Named]]:
    """Return the rendered features of a context that are no numbers, and the numbers.

    Raises:
        PolicyError: a feature is refused.
    """
    words: list[str] = []
    numbers: list[Named] = []
    for name, value in context.items():
        # Fast paths for the types of nearly all features; the names are those of
        # features.feature.
        kind = type(value)
        if kind is str:
            words.append(equality(name, value))
        elif kind is int or kind is float:
            numbers.append((_number(name), squashed(value)))  # type: ignore[arg-type]
        else:
            for feature in context_features({name: value}):
                if feature[0][-1] == "#":
                    numbers.append(feature)
                else:
                    words.append(feature[0])
    return words, numbers


@lru_cache(maxsize=16384)
def _number(name: str) -> str:
    return f"{escaped(name)}#"


@lru_cache(maxsize=16384)
def _in_steps(name: str, step: int) -> str:
    return term(name, step / STEPS)
