"""The settings of a policy: name, default, limits, help.

Owns how a setting is declared, how a value is refused, and how its limits are
written. The settings of a kind are declared in the kind's own module.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from policies.base import PolicyError


class Choice(msgspec.Struct, frozen=True):
    """A setting with a short list of possible words."""

    name: str
    default: str
    help: str
    choices: tuple[str, ...]

    @property
    def limits(self) -> str:
        """The possible words."""
        return ", ".join(self.choices)

    def checked(self, value: object) -> str:
        """Return the value, or refuse one that is not on the list.

        Raises:
            PolicyError: the value is not one of `choices`.
        """
        if isinstance(value, str) and value in self.choices:
            return value
        raise PolicyError(
            f"{self.name} is {value!r}; it must be one of {self.limits}", self.name
        )


class Number(msgspec.Struct, frozen=True):
    """A setting that is a finite number between two limits, both included."""

    name: str
    default: float
    help: str
    minimum: float
    maximum: float

    @property
    def limits(self) -> str:
        """Both limits."""
        return f"a number between {self.minimum:g} and {self.maximum:g}"

    def checked(self, value: object) -> float:
        """Return the value as a float, or refuse one outside the limits.

        Raises:
            PolicyError: the value is not a number between the limits.
        """
        # In Python True is an int; here it is most likely a mistake.
        if (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and self.minimum <= value <= self.maximum
            and math.isfinite(value)
        ):
            return float(value)
        raise PolicyError(
            f"{self.name} is {value!r}; it must be {self.limits} "
            f"(default {self.default:g})",
            self.name,
        )


class Count(msgspec.Struct, frozen=True):
    """A setting that is a whole number between two limits, both included."""

    name: str
    default: int
    help: str
    minimum: int
    maximum: int

    @property
    def limits(self) -> str:
        """Both limits."""
        return f"a whole number between {self.minimum} and {self.maximum}"

    def checked(self, value: object) -> int:
        """Return the value as an int, or refuse one outside the limits.

        Raises:
            PolicyError: the value is not a whole number between the limits.
        """
        # Writers of TOML and JSON in other languages send 18.0 for 18.
        if (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and self.minimum <= value <= self.maximum
            and value == int(value)
        ):
            return int(value)
        raise PolicyError(
            f"{self.name} is {value!r}; it must be {self.limits} "
            f"(default {self.default})",
            self.name,
        )


class Structured(msgspec.Struct, frozen=True):
    """A setting whose form its own kind checks, such as a table of rules.

    Attributes:
        default: None where the setting must be given.
        limits: the form of a value, in words.
        check: takes a value, returns it in the form that JSON can hold, and raises
            PolicyError where it refuses it.
    """

    name: str
    default: str | None
    help: str
    limits: str
    check: Callable[[object], Any]

    def checked(self, value: object) -> Any:  # noqa: ANN401 - any JSON
        """Return the value in its normal form.

        Raises:
            PolicyError: the value is refused.
        """
        return self.check(value)


Setting = Choice | Number | Count | Structured


def normalised(
    kind: str, spec: Mapping[str, Any], settings: Sequence[Setting]
) -> dict[str, Any]:
    """Fill in the defaults of one kind and check every value.

    Args:
        kind: name of the kind, for the result and the messages.
        spec: the settings given; its "kind" is ignored.
        settings: the settings that the kind takes here.

    Returns:
        "kind" and each setting, in the order of `settings`.

    Raises:
        PolicyError: a setting is unknown or its value is refused.
    """
    _refuse_unknown(kind, spec, [setting.name for setting in settings])
    result: dict[str, Any] = {"kind": kind}
    for setting in settings:
        result[setting.name] = setting.checked(spec.get(setting.name, setting.default))
    return result


def _refuse_unknown(kind: str, spec: Mapping[str, Any], names: Sequence[str]) -> None:
    for name in spec:
        if name != "kind" and name not in names:
            takes = ", ".join(names) if names else "no settings"
            raise PolicyError(
                f"{name!r} is not a setting of policy {kind}; it takes {takes}",
                str(name),
            )
