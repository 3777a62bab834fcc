"""Words about what an experiment earns and costs.

Owns the sentences; every number comes with the report.
"""

from bandit_svc.domain.numbers import amount
from bandit_svc.services.report.business.rows import Money
from bandit_svc.services.values import Estimated


def money_sentences(money: Money | None) -> list[str]:
    """Return one sentence for each amount that is known, and why others are not."""
    if money is None:
        return []
    found = []
    if money.extra.so_far.estimate is None:
        reason = money.extra.so_far.reason
        found.append(f"What the bandit earned more is not known: {reason}.")
    else:
        for name, worth in (
            ("Extra reward of the bandit", money.extra),
            ("Not earned by the holdout", money.holdout),
        ):
            month = _month(worth.a_month, money)
            found.append(f"{name} so far: {_with(worth.so_far, money)}{month}.")
    cost = money.exploration
    if cost.estimate is None:
        found.append(f"What exploration costs is not known: {cost.reason}.")
    else:
        month = _month(money.exploration_a_month, money)
        found.append(
            "Exploration costs, against the greedy choice, in the newest decisions: "
            f"{_with(cost, money)} a decision{month}. This interval is for one look."
        )
    return found


def _month(found: Estimated, money: Money) -> str:
    if found.estimate is None:
        return ""
    return f"; in 30 days at this rate {_with(found, money)}"


def _with(found: Estimated, money: Money) -> str:
    lower, upper = found.interval
    unit = f" {money.unit}" if money.unit else ""
    return (
        f"{amount(found.estimate, signed=True)}{unit} "
        f"({amount(lower, signed=True)} to {amount(upper, signed=True)})"
    )
