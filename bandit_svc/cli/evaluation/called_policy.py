"""A target policy that is a function of the analyst's own, by its dotted name.

Owns its import, its call and the messages about its failures. For the command line
alone: it runs the analyst's own code, with the analyst's own rights.
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
    "variant_keys) and returns a list of probabilities, one for each key"
)
_LENGTH = 300

Chances = Callable[[Context, list[str]], Iterable[float]]


class CalledPolicy:
    """A chooser that calls a function once for each decision.

    Args:
        name: `callable:package.module:function`; modules in the current folder are
            found too.

    Raises:
        InvalidInput: there is no such function.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._function = _found(name)
        self._asked = 0

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Return the probabilities that the function returns.

        Raises:
            InvalidInput: the function raises, or returns no distribution; the message
                names the decision.
        """
        self._asked += 1
        keys = [action.key for action in actions]
        try:
            # The function may change its argument; the other policies read the same
            # context.
            chances = self._function(copy.deepcopy(context), keys)
            pmf = [float(chance) for chance in chances]
        except Exception as error:
            raise self._at(f"it raised {_sentence(error)}") from error
        try:
            validate_pmf(pmf, len(keys), 0.0)
        except PolicyError as error:
            raise self._at(f"it returned no distribution: {error}") from error
        return pmf

    def _at(self, what: str) -> InvalidInput:
        return InvalidInput(
            f"--policy {self._name}, at decision {self._asked:,} that it was asked "
            f"about: {what}"
        )


def _found(name: str) -> Chances:
    module_name, _, function_name = name.removeprefix(CALLABLE).partition(":")
    if not module_name or not function_name:
        raise InvalidInput(f"--policy {name}: {FORM}")
    # As `python -m` does; an installed command has its own folder there instead.
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
