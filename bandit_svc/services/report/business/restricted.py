"""Show the decisions apart in which the baseline could not show its own variant.

Owns their rows. A condition, a schedule, `exclude` or `variants` had taken a variant of
the baseline out, for both groups alike. So the baseline of these decisions is another
one than that of the rest. They stay in the comparison: what was eligible follows from
the request and not from the group, and to leave them out would change whom it is of.
"""

from bandit_svc.services.learning.parts.kept import RESTRICTED, Part
from bandit_svc.services.report.business.rows import Restricted
from bandit_svc.services.report.parts import SIDE_WORDS, part_mean, part_of
from bandit_svc.services.report.uplift import GROUPS, Compared


def restricted_rows(compared: Compared) -> tuple[Restricted, ...]:
    """Return a row for each group; none where there are no such decisions."""
    place = compared.parts.place(Part(RESTRICTED, "", ""))
    if place is None or compared.behind > 0:
        return ()
    totals = part_of(compared.parts.part_sums, place)
    rows = []
    for side, group in enumerate(GROUPS):
        whose = f"the {SIDE_WORDS[side]} without the baseline's variant"
        mean = part_mean(totals, side, compared.possible, whose)
        n = int(totals.decisions[side])
        rows.append(
            Restricted(
                group,
                n,
                int(totals.units_seen[side]),
                mean.estimate if n else None,
                mean.interval,
                mean.reason,
            )
        )
    return tuple(rows)
