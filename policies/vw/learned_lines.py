"""The very examples that Vowpal Wabbit learned, for Vowpal Wabbit elsewhere.

Owns their form as dsjson with features named as in the text that was learned: scaled
numbers and rewards are those of the moment at which they were learned, so that another
Vowpal Wabbit with the same arguments comes to the same weights.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np

from policies.base import Action, Context, PolicyError, RewardRange, check_example
from policies.change.settings import rules_of
from policies.vw.examples import ExampleWriter
from policies.vw.explorers import command_line, is_running, resumes_exactly
from policies.vw.scales import RangeScale, RunningScale, Scale

_OWN = ("--example_queue_limit", "--preserve_performance_counters", "--quiet")


class LearnedLines:
    """Renders decisions as a policy of kind `vw` learns them, in their order.

    Args:
        spec: normalised, of kind `vw`.
        reward_range: of the rewards.

    Raises:
        PolicyError: its weights depend on more than the examples.
    """

    def __init__(self, spec: Mapping[str, Any], reward_range: RewardRange) -> None:
        _check(spec, reward_range)
        self._passes: int = spec["passes"]
        running = is_running(spec)
        self._scale: Scale = (RunningScale if running else RangeScale)(reward_range)
        self._writer = ExampleWriter()

    def lines(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> bytes:
        """Return a decision as dsjson, once for each pass.

        Raises:
            PolicyError: the policy refuses it too, and learns nothing.
        """
        check_example(len(actions), chosen, propensity)
        self._writer.read(actions)
        shared, label = self._scale.learned(context, reward)
        text = self._writer.labelled(shared, actions, chosen, propensity, label)
        first, *others = text.split("\n")
        event = {
            "_label_cost": as_read(f"{0.0 - label:.9g}"),
            "_label_probability": as_read(f"{propensity:.9g}"),
            "_label_Action": chosen + 1,
            "_labelIndex": chosen,
            "a": [chosen + 1, *(i + 1 for i in range(len(actions)) if i != chosen)],
            "c": _features(first) | {"_multi": [_features(line) for line in others]},
        }
        return (msgspec.json.encode(event) + b"\n") * self._passes


def _check(spec: Mapping[str, Any], reward_range: RewardRange) -> None:
    if spec["kind"] != "vw":
        raise PolicyError(
            f"the policy is of kind {spec['kind']}; only one of kind vw has examples "
            "that Vowpal Wabbit can learn",
            "kind",
        )
    if not resumes_exactly(spec):
        raise PolicyError(
            f"explorer {spec['explorer']} with cb_type {spec['cb_type']} has weights "
            "that depend on more than its examples; choose one that resumes exactly, "
            "such as squarecb",
            "explorer",
        )
    if rules_of(spec).acts:
        raise PolicyError(
            "a policy that begins again, or whose memory is limited, has no list of "
            "examples that gives its weights; leave change, memory and reset_every out",
            "change",
        )
    if reward_range.maximum is None and not is_running(spec):
        raise PolicyError(
            "rewards without a maximum are scaled by the largest so far; use the scale "
            "running",
            "scale",
        )


def arguments_for(spec: Mapping[str, Any]) -> str:
    """Return the arguments with which Vowpal Wabbit learns these lines."""
    own = command_line(spec)
    shown = own[: own.index(_OWN[0])]
    return " ".join(["--dsjson", *shown, "--random_seed", str(spec["seed"])])


def _features(line: str) -> dict[str, Any]:
    """Return the namespace of a line and its features; one without a number is 1."""
    namespace, *terms = line.partition("|")[2].split()
    found: dict[str, float] = {}
    for term in terms:
        name, colon, value = term.partition(":")
        found[name] = as_read(value) if colon else 1.0
    return {namespace: found}


def as_read(text: str) -> float:
    """Return the number that Vowpal Wabbit's parser of text reads, for that of JSON.

    It goes from digit to digit in float32, and rounds each time; that of JSON does not.
    """
    digits, _, power = text.lower().partition("e")
    sign = -1.0 if digits.startswith("-") else 1.0
    whole, _, fraction = digits.lstrip("+-").partition(".")
    found = np.float32(0.0)
    for digit in whole + fraction:
        found = np.float32(np.float32(found * np.float32(10.0)) + np.float32(digit))
    exponent = int(power or 0) - len(fraction)
    return sign * float(np.float32(found * _power_of_ten(exponent)))


@lru_cache(maxsize=128)
def _power_of_ten(exponent: int) -> np.float32:
    """Return a power as that parser has it: multiplied, or divided, step by step."""
    found, ten = np.float32(1.0), np.float32(10.0)
    for _ in range(abs(exponent)):
        found = np.float32(found * ten if exponent > 0 else found / ten)
    return found
