"""The settings of a policy: name, default, limits, help.

Owns how a setting is declared and how a value is refused. Which settings a kind
has stands in the kind's own file, as a tuple of these.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from policies.base import PolicyError

Value = str | int | float


class Choice(msgspec.Struct, frozen=True):
    """A setting with a short list of possible words."""

    name: str
    default: str
    help: str
    choices: tuple[str, ...]

    def checked(self, value: object) -> str:
        """Give the value, or refuse one that is not on the list.

        Raises:
            PolicyError: the value is not one of `choices`.
        """
        if isinstance(value, str) and value in self.choices:
            return value
        raise PolicyError(
            f"{self.name} is {value!r}; it must be one of {', '.join(self.choices)}",
            self.name,
        )


class Number(msgspec.Struct, frozen=True):
    """A setting that is a finite number between two limits, both included."""

    name: str
    default: float
    help: str
    minimum: float
    maximum: float

    def checked(self, value: object) -> float:
        """Give the value as a float, or refuse one outside the limits.

        Raises:
            PolicyError: the value is not a number between the limits.
        """
        if (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and self.minimum <= value <= self.maximum
            and math.isfinite(value)
        ):
            return float(value)
        raise PolicyError(
            f"{self.name} is {value!r}; it must be a number between "
            f"{self.minimum:g} and {self.maximum:g} (default {self.default:g})",
            self.name,
        )


class Count(msgspec.Struct, frozen=True):
    """A setting that is a whole number between two limits, both included."""

    name: str
    default: int
    help: str
    minimum: int
    maximum: int

    def checked(self, value: object) -> int:
        """Give the value as an int, or refuse one outside the limits.

        Raises:
            PolicyError: the value is not a whole number between the limits.
        """
        if (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and self.minimum <= value <= self.maximum
            and value == int(value)
        ):
            return int(value)
        raise PolicyError(
            f"{self.name} is {value!r}; it must be a whole number between "
            f"{self.minimum} and {self.maximum} (default {self.default})",
            self.name,
        )


Setting = Choice | Number | Count


def normalised(
    kind: str, spec: Mapping[str, Any], settings: Sequence[Setting]
) -> dict[str, Any]:
    """Fill in the defaults of one kind and check every value.

    Args:
        kind: name of the kind, for the result and the messages.
        spec: the settings given; its "kind" is not looked at.
        settings: the settings that the kind takes here.

    Returns:
        "kind" and each setting, in the order of `settings`.

    Raises:
        PolicyError: a setting is unknown or its value is refused.
    """
    refuse_unknown(kind, spec, [setting.name for setting in settings])
    result: dict[str, Any] = {"kind": kind}
    for setting in settings:
        result[setting.name] = setting.checked(spec.get(setting.name, setting.default))
    return result


def refuse_unknown(kind: str, spec: Mapping[str, Any], names: Sequence[str]) -> None:
    """Refuse a spec with a key that the kind does not have.

    Raises:
        PolicyError: a key is neither "kind" nor one of `names`.
    """
    for name in spec:
        if name != "kind" and name not in names:
            takes = ", ".join(names) if names else "no settings"
            raise PolicyError(
                f"{name!r} is not a setting of policy {kind}; it takes {takes}",
                str(name),
            )
