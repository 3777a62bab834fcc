"""The answer to a decision request."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

from .errors import BanditClientError


@dataclass(frozen=True)
class Slot:
    """One slot of a page: show `variant` there, and reward `decision_id`."""

    slot: int
    """Its number, from 1 at the top."""
    variant: str
    decision_id: str
    payload: Any = None
    propensity: float | None = None
    """Chance of the variant given what stands above it, in (0, 1]."""


@dataclass(frozen=True)
class Decision:
    """One choice: show `variant`, and report rewards under `decision_id`.

    A fallback decision was made by the client, because the service could not:
    its `decision_id` is None, nothing of it is logged, and `error` says why.
    """

    experiment: str
    variant: str
    decision_id: str | None = None
    payload: Any = None
    """The variant's payload, as the experiment declares it."""
    propensity: float | None = None
    """Chance with which the variant was chosen, in (0, 1]."""
    group: str | None = None
    """`treatment` or `baseline`."""
    model_version: int | None = None
    expires_at: datetime | None = None
    """End of the reward window; later rewards are stored and not learned."""
    error: BanditClientError | None = None
    slots: tuple[Slot, ...] = ()
    """Of a page, from the top; its `variant` and `payload` are those of the first."""

    @property
    def is_fallback(self) -> bool:
        """True if the client chose the variant because the service could not."""
        return self.decision_id is None

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> Self:
        """Read the body of a decision response; unknown members are ignored.

        Raises:
            KeyError: the body lacks `decision_id`, `experiment` or `variant`.
            TypeError: one of them is no text.
            ValueError: `expires_at` is not a date and time.
        """
        expires_at = answer.get("expires_at")
        slots = [_slot(one) for one in answer.get("slots") or ()]
        first = answer["slots"][0] if slots else answer
        return cls(
            experiment=_text(answer["experiment"]),
            variant=_text(first["variant"]),
            decision_id=_text(answer["decision_id"]),
            payload=first.get("payload"),
            propensity=answer.get("propensity"),
            group=answer.get("group"),
            model_version=answer.get("model_version"),
            expires_at=datetime.fromisoformat(expires_at) if expires_at else None,
            slots=tuple(slots),
        )

    @property
    def source(self) -> Literal["service", "fallback"]:
        """The one who chose: the service, or the client with its fallback."""
        return "fallback" if self.decision_id is None else "service"


def _slot(answer: Mapping[str, Any]) -> Slot:
    return Slot(
        slot=answer["slot"],
        variant=_text(answer["variant"]),
        decision_id=_text(answer["decision_id"]),
        payload=answer.get("payload"),
        propensity=answer.get("propensity"),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a member is a {type(value).__name__}; it must be a string")
    return value
