"""`bandit-svc simulate`: drive a running service with simulated users.

Owns the display of a run; who visits and what is true is simulators'.
"""

import click

from bandit_svc.cli.columns import echo_rows
from bandit_svc.cli.options import option
from bandit_svc.cli.progress import counting
from simulators import traffic
from simulators.summary import Summary
from simulators.worlds.registry import WORLDS


@click.command()
@click.argument("scenario", type=click.Choice(tuple(WORLDS)))
@option("url", default="http://127.0.0.1:8000", help="Address of the service.")
@option(
    "rounds",
    type=click.IntRange(min=1),
    default=1000,
    help="Number of decisions to ask for.",
)
@option(
    "seed", type=int, default=1, help="Seed of the simulated users, a whole number."
)
@option(
    "rate",
    type=click.FloatRange(min=0.0, min_open=True),
    help="Decisions per second. Default: as fast as one connection allows.",
)
@option(
    "window",
    type=click.FloatRange(min=0.0, min_open=True),
    default=traffic.DEFAULT_WINDOW_S,
    help="Seconds of the reward window, if the experiment has to be created.",
)
@option("key", help="A secret key; not needed for a service started with --dev.")
def simulate(
    scenario: str,
    url: str,
    rounds: int,
    seed: int,
    rate: float | None,
    window: float,
    key: str | None,
) -> None:
    """Drive a running service with the simulated users of SCENARIO.

    Creates the experiment of the scenario where it does not exist, asks for
    decisions, and reports rewards late, twice and out of order, as real callers
    do. Prints the true means at the end, to compare the report with.

    Example: bandit-svc simulate hero --url http://127.0.0.1:8000 --rounds 5000
    """
    last: Summary | None = None

    def note(summary: Summary) -> None:
        nonlocal last
        last = summary
        show(summary.decisions + summary.fallbacks, _words(summary))

    try:
        with counting(scenario, rounds) as show:
            traffic.simulate(
                scenario,
                url,
                rounds,
                seed,
                key=key,
                rate=rate,
                window_s=window,
                on_progress=note,
            )
    finally:
        # What was done until Ctrl-C, or until the service went away, is true too.
        if last is not None:
            echo_rows(_rows(last))


def _words(summary: Summary) -> str:
    treatment = summary.true_mean.get("treatment")
    mean = "" if treatment is None else f", true mean reward {treatment:.4f}"
    return f"decisions, {summary.deliveries} rewards delivered{mean}"


def _rows(summary: Summary) -> list[list[str]]:
    counts = {
        "decisions": summary.decisions,
        "without an answer": summary.fallbacks,
        "never seen": summary.unseen,
        "rewarded": summary.rewards,
        "rewards lost on purpose": summary.lost,
        "rewards delivered": summary.deliveries,
        "rewards not taken": summary.undelivered,
    }
    means = {f"true mean, {g}": mean for g, mean in summary.true_mean.items()}
    means["true mean, best variant"] = summary.true_best
    means["true mean, at random"] = summary.true_uniform
    if summary.true_uplift is not None:
        means["true uplift"] = summary.true_uplift
    return [
        ["experiment", summary.experiment],
        *([name, str(count)] for name, count in counts.items()),
        *([name, f"{mean:.4f}"] for name, mean in means.items()),
    ]
