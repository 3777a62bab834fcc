"""The part of a report that is of an apprentice.

Owns its shape. Pure.
"""

from typing import Literal

import msgspec

from bandit_svc.domain.apprentice.mode import Mode, SwitchAt
from bandit_svc.services.values import Estimated, Period


class AgreementPoint(msgspec.Struct, frozen=True):
    """The agreement in a stretch of time.

    Attributes:
        at: the end of the stretch, ISO 8601 in UTC.
        n: its decisions.
    """

    at: str
    n: int
    agreement: float


class Switched(msgspec.Struct, frozen=True):
    """That an apprentice was made live: by which revision, when, by whom and why."""

    revision: int
    at: str
    note: str


class Apprentice(msgspec.Struct, frozen=True):
    """What is found of decisions that the caller's own system made.

    Attributes:
        decisions: those that have matured since it is an apprentice.
        unknown_propensities: those without `shown_propensity`.
        recent: the newest of them, at least half of all, of which the estimates are;
            `period` is when they were made.
        agreement: the share in which the policy's likeliest variant was shown.
        policy: what the policy would have earned a decision, doubly robust.
        shown: what the caller's own system has earned.
        difference: the policy's less the caller's.
        propensities: where the chances of most come from.
        refused: why policy and difference are null; null where they are not.
        detail: how they were found, in a sentence.
        switched: null while it is an apprentice.
    """

    mode: Mode
    decisions: int
    unknown_propensities: int
    recent: int
    period: Period
    agreement: Estimated
    policy: Estimated
    shown: Estimated
    difference: Estimated
    propensities: Literal["given", "estimated"]
    refused: str | None
    detail: str
    history: tuple[AgreementPoint, ...]
    switch_at: SwitchAt | None
    switched: Switched | None
