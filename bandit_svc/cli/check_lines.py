"""Checks for a person at a terminal.

Owns their lines: how many have which status, then those that say something.
"""

from collections.abc import Iterator, Sequence

from bandit_svc.domain.numbers import counted
from bandit_svc.services.checks.check import Check, tally


def check_lines(checks: Sequence[Check]) -> Iterator[str]:
    """Yield a line that counts the checks, and one for each that is not ok."""
    if all(check.status == "ok" for check in checks):
        yield f"All {len(checks)} checks are ok."
        return
    yield f"{counted(len(checks), 'check')}: {tally(checks)}."
    for check in checks:
        if check.status != "ok":
            detail = check.detail.rstrip(".")
            yield f"{check.status.upper()}  {name_of(check)}: {detail}."


def name_of(check: Check) -> str:
    """Return a check's name in words, with the policy that it is about."""
    about = f" ({check.policy})" if check.policy else ""
    return check.name.replace("_", " ") + about
