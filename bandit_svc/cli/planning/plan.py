"""`bandit-svc plan`: how long until a lift is found?

Owns the options and the lines; the numbers are services.planning.plan's.
"""

from pathlib import Path
from typing import Any

import click

from bandit_svc.cli.options import option, result_options
from bandit_svc.cli.output import as_json, emit
from bandit_svc.domain.numbers import amount, count
from bandit_svc.prose.planned import plan_sentence
from bandit_svc.services.planning.plan import Plan, PlanRequest
from bandit_svc.services.planning.plan import plan as planned


@click.command()
@option("traffic", type=float, required=True, help="Decisions a day, of both groups.")
@option(
    "base-rate",
    type=float,
    required=True,
    help="Mean reward a decision under the baseline.",
)
@option(
    "lift",
    type=float,
    required=True,
    help="Smallest relative uplift to be found; 0.1 is 10 %.",
)
@option("holdout", type=float, default=0.1, help="The baseline's share of the units.")
@option(
    "sd",
    type=float,
    help="Standard deviation of a decision's reward, for amounts such as money.",
)
@option("visits", type=float, default=1.0, help="Mean decisions a unit makes.")
@option(
    "icc", type=float, default=0.0, help="Correlation of one unit's rewards, 0 to 1."
)
@option(
    "horizon",
    type=float,
    help="Days planned for; the interval is then tightest at that day.",
)
@result_options("text", "json")
def plan(
    *,
    format: str,  # noqa: A002 - the option's name
    out: Path | None,
    **asked: Any,  # noqa: ANN401 - an option for each field of a request
) -> None:
    """Plan an experiment: how long until a lift is found, at every look?

    Needs no store. Both durations are those of the product's own interval.

    Example: bandit-svc plan --traffic 20000 --base-rate 0.05 --lift 0.1
    """
    found = planned(PlanRequest(**asked))
    emit(as_json(found) if format == "json" else _text(found), out)


def _text(plan: Plan) -> str:
    numbers = (
        f"Difference {amount(plan.difference)}, sigma {amount(plan.sigma)}, design "
        f"effect {plan.design_effect:.2f}; no interval before "
        f"{count(plan.first_decisions)} decisions."
    )
    lines = [plan_sentence(plan), "", numbers]
    if plan.planned_decisions is not None:
        lines.append(
            f'Create the experiment with "planned_decisions": {plan.planned_decisions}.'
        )
    return "\n".join([*lines, "", *(f"- {one}" for one in plan.assumptions)]) + "\n"
