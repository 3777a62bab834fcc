"""Read the sums of a part of the decisions: a segment, a variant, a group by itself.

Owns how a part's mean is bounded, and why a part has no interval, in a sentence. Each
part has its own design effect: its units may be more alike, or come more often, than
all of them.
"""

from bandit_svc.domain.numbers import amount, count
from bandit_svc.ope.parts.sums import PartSums
from bandit_svc.ope.uplift import by_unit
from bandit_svc.ope.uplift.columns import RANDOMISED
from bandit_svc.ope.uplift.totals import Totals
from bandit_svc.services.values import CONFIDENCE, Estimated, Possible, estimated

SIDE_WORDS = ("bandit", "baseline")


def part_of(sums: PartSums, place: int) -> Totals:
    """Return the totals of one part."""
    return sums.totals([place]).at(0)


def part_mean(
    totals: Totals, side: int, possible: by_unit.Possible, whose: str
) -> Estimated:
    """Bound the mean of the decisions of one group in a part, by unit.

    Args:
        side: TREATMENT or BASELINE of ope.uplift.columns.
        whose: whose decisions they are, for the reason where there is no interval.
    """
    found = by_unit.mean(totals, RANDOMISED, side, CONFIDENCE, possible).now
    top = float("inf") if possible.maximum is None else possible.maximum
    missing = by_unit.shortage(totals, possible, (side,))
    reason = "" if missing is None else f"{whose} {needs(missing, totals)}"
    return estimated(
        found.estimate, found.interval, Possible(possible.minimum, top), reason
    )


def part_shortage(totals: Totals, possible: by_unit.Possible) -> str:
    """Return why the groups of a part are not compared yet; empty if they are."""
    missing = by_unit.shortage(totals, possible)
    if missing is None:
        return ""
    whose = "the segment"
    if missing.group is not None:
        whose = f"the {SIDE_WORDS[missing.group]} within the segment"
    return f"{whose} {needs(missing, totals)}"


def needs(missing: by_unit.Shortage, totals: Totals) -> str:
    """Return what is missing for an interval, after the name of who needs it."""
    found = count(int(missing.found))
    if missing.of == "orders":
        usual = amount(float(totals.usual[0]))
        return (
            f"needs {missing.needed} decisions whose reward is not {usual}; there are "
            f"{found}"
        )
    return (
        f"needs the worth of {missing.needed} units that come equally often; it has "
        f"{found}"
    )
