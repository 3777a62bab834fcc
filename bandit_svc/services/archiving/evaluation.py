"""What target policies would have earned, from sums over the archive."""

import msgspec

from bandit_svc.services.checks.check import Check
from bandit_svc.services.values import PolicyRow


class ArchiveEvaluation(msgspec.Struct, frozen=True):
    """Estimates from the archive.

    Attributes:
        policies: a row a policy, whose intervals are for a log that is read once.
        mean: the mean reward of the treatment's decisions; None without any.
        first_day, last_day: of the files that were read, in UTC.
        health: of the log; the archive has none of its own.
    """

    policies: tuple[PolicyRow, ...]
    mean: float | None
    first_day: str
    last_day: str
    health: tuple[Check, ...] = ()
