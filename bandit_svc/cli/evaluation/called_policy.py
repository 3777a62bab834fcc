"""A target policy that is a function of the analyst's own, by its dotted name.

Owns its import, its call and the sentences of what goes wrong in it. On the command
line alone: what runs there is the analyst's own code, as the analyst.
"""

import copy
import importlib
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from bandit_svc.errors import InvalidInput
from policies.base import Action, Context, PolicyError
from policies.pmf import validate_pmf

CALLABLE = "callable:"
FORM = (
    "write callable:package.module:function; the function takes (context, "
    "variant_keys) and gives a list of probabilities"
)
_LENGTH = 300

Chances = Callable[[Context, list[str]], Iterable[float]]


class CalledPolicy:
    """Asks a function for its chances. It is asked once a decision, and learns nothing.

    Args:
        name: `callable:package.module:function`; the folder that the command was
            started in is looked in too.

    Raises:
        InvalidInput: there is no such function.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._function = _found(name)
        self._asked = 0

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Ask the function.

        Raises:
            InvalidInput: it fails, or gives no probabilities; says at which decision.
        """
        self._asked += 1
        keys = [action.key for action in actions]
        try:
            # What it does to the context must not reach the other policies.
            chances = self._function(copy.deepcopy(context), keys)
            pmf = [float(chance) for chance in chances]
        except Exception as error:
            raise self._at(f"it raised {_sentence(error)}") from error
        try:
            validate_pmf(pmf, len(keys), 0.0)
        except PolicyError as error:
            raise self._at(f"what it gave is no distribution: {error}") from error
        return pmf

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Do nothing."""

    def dump(self) -> bytes:
        """Give nothing: a function has no state of ours."""
        return b""

    def load(self, state: bytes) -> None:
        """Do nothing."""

    def _at(self, what: str) -> InvalidInput:
        return InvalidInput(
            f"--policy {self._name}, at decision {self._asked:,} that it was asked "
            f"about: {what}"
        )


def _found(name: str) -> Chances:
    module_name, _, function_name = name.removeprefix(CALLABLE).partition(":")
    if not module_name or not function_name:
        raise InvalidInput(f"--policy {name}: {FORM}")
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:
        raise InvalidInput(
            f"--policy {name}: {module_name} can't be imported: {_sentence(error)}"
        ) from error
    for step in function_name.split("."):
        found = getattr(found, step, None)
    if not callable(found):
        raise InvalidInput(
            f"--policy {name}: {module_name} has no function {function_name}; {FORM}"
        )
    function: Chances = found
    return function


def _sentence(error: Exception) -> str:
    text = f"{type(error).__name__}: {error}"
    return text if len(text) <= _LENGTH else text[:_LENGTH] + "…"
