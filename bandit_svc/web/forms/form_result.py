"""A refusal as a value, for forms that show it beside the field.

Owns the only place where pages catch a refusal of the service: InvalidInput and
Conflict, with their subclasses (TooLarge among them). Any other error becomes a page by
web/access/page_errors.py.
"""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from bandit_svc.errors import BanditError, Conflict, InvalidInput

T = TypeVar("T")


class FormResult(NamedTuple, Generic[T]):
    """The value of a call, or its refusal; the value of a success may be None too."""

    value: T | None
    refusal: BanditError | None = None

    @property
    def status(self) -> int:
        """The HTTP status of the page that shows it."""
        if self.refusal is None:
            return 200
        return 409 if isinstance(self.refusal, Conflict) else 400

    @property
    def problems(self) -> dict[str, str]:
        """Map JSON pointer to message; "" holds errors not tied to a field.

        The last message counts if a pointer has several.
        """
        if self.refusal is None:
            return {}
        if not self.refusal.fields:
            return {"": self.refusal.message_on("page")}
        return {field.pointer: field.detail for field in self.refusal.fields}


def form_result_of(call: Callable[[], T]) -> FormResult[T]:
    """Call; return InvalidInput or Conflict as a refusal, let other errors pass."""
    try:
        return FormResult(call())
    except (InvalidInput, Conflict) as error:
        return FormResult(None, error)
