"""A refusal as a value, for forms that show it beside the field.

Owns the one place where pages catch what a service refuses; any other error becomes
a page of its own, by web/access/page_errors.py.
"""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from bandit_svc.errors import BanditError, Conflict, InvalidInput

T = TypeVar("T")


class Attempt(NamedTuple, Generic[T]):
    """What a call gave, or why it was refused."""

    result: T | None
    refusal: BanditError | None = None

    @property
    def status(self) -> int:
        """Give the status of the page that shows it."""
        if self.refusal is None:
            return 200
        return 409 if isinstance(self.refusal, Conflict) else 400

    @property
    def problems(self) -> dict[str, str]:
        """Give a sentence by pointer; "" is nobody's fault in particular."""
        if self.refusal is None:
            return {}
        if not self.refusal.fields:
            return {"": self.refusal.message}
        return {field.pointer: field.detail for field in self.refusal.fields}


def attempt(call: Callable[[], T]) -> Attempt[T]:
    """Call, and take an invalid field or a conflict for an answer."""
    try:
        return Attempt(call())
    except (InvalidInput, Conflict) as error:
        return Attempt(None, error)
