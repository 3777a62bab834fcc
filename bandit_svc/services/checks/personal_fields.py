"""Check that no key of the context looks like a fact of a person unless declared.

Owns the check `personal_fields`. It looks at the newest decisions, and names keys,
never values.
"""

from typing import Final

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.people.field_policy import suspects
from bandit_svc.services.checks.check import Check, CheckKind
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.overview import RecentState

READ: Final[tuple[RecentState, ...]] = ("open", "joined")
MOST_READ: Final = 100
"""Of the newest decisions of each state."""
MOST_NAMED: Final = 10
_LONGEST_NAME: Final = 64

PERSONAL_FIELDS = CheckKind(
    "personal_fields",
    "No undeclared key of the context looks like a fact of a person",
    "Leave the key out of the context, or declare in `fields` what is kept of it: "
    "drop, hash, bucket or keep. `features_strict` refuses such requests.",
)


def personal_fields(storage: Storage, experiment: Experiment) -> Check:
    """Warn if an undeclared key, by its name or a value, looks like one."""
    found: set[str] = set()
    read = 0
    for state in READ:
        for row in storage.overview.recent(experiment.number, state, MOST_READ):
            read += 1
            context = row.decision.context
            found |= {k for k, _ in suspects(context, experiment.definition.fields)}
    if not read:
        return PERSONAL_FIELDS.early("not tested: no decision is in the store yet")
    if not found:
        return PERSONAL_FIELDS.ok(
            f"none of the newest {read:,} decisions has such a key"
        )
    names = [f"`{name[:_LONGEST_NAME]}`" for name in sorted(found)]
    rest = len(names) - MOST_NAMED
    more = f" and {rest} more" if rest > 0 else ""
    return PERSONAL_FIELDS.warn(
        f"{', '.join(names[:MOST_NAMED])}{more}: by name or value this looks like an "
        "e-mail address, an id, health or religion, and `fields` does not declare it"
    )
