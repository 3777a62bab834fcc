"""One joined decision as it leaves the service.

Owns the record that every form of an export is written from: the choice as it was
drawn, what could have been chosen, and the reward that counted.
"""

from typing import Any

import msgspec

from policies.base import Action


class Exported(msgspec.Struct, frozen=True):
    """One joined decision.

    Attributes:
        actions: what could have been chosen, with its features, in the order of `pmf`.
        chosen: index into `actions`.
        reward: the aggregate that counted, or the default, in the experiment's units.
    """

    decision_id: str
    revision: int
    model_version: int
    decided_at_ms: int
    group: str
    unit_id: str | None
    context: dict[str, Any]
    actions: tuple[Action, ...]
    pmf: tuple[float, ...]
    chosen: int
    propensity: float
    reward: float
