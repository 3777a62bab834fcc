"""One setting: what commands, pages and the reference say of it.

Owns its names; which settings there are is settings.py's.
"""

from typing import NamedTuple


class About(NamedTuple):
    """The help and the limits of a setting."""

    help: str
    least: int | None = None
    most: int | None = None


class Setting(NamedTuple):
    """One setting as commands and pages show it."""

    name: str
    default: str | int | bool
    help: str
    least: int | None = None
    most: int | None = None

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"BANDIT_{self.name.upper()}"

    @property
    def option(self) -> str:
        """The option of the command line that sets it."""
        return "--" + self.name.replace("_", "-")
