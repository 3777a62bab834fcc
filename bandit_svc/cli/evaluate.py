"""`bandit-svc evaluate`: what would another policy have earned?

Owns the options and the choice between our own log and a file. Only the form with
--log is here so far; KEY, an experiment of our own, is refused until it comes.
"""
# For the engineer of `evaluate KEY --policy ...`: take this file over. `log` is
# LogOptions (log.path is None without --log), all of its options come from
# @log_options, and evaluate_log(...) does everything for a file.

from pathlib import Path

import click

from bandit_svc.cli.evaluate_log import FORMATS, evaluate_log
from bandit_svc.cli.log_options import LogOptions, log_options
from bandit_svc.cli.options import option


@click.command()
@log_options
@option(
    "policy",
    multiple=True,
    help="A target policy: uniform or fixed:ACTION; repeatable.",
)
@option(
    "action-features",
    type=click.Path(path_type=Path),
    help="CSV of what is known of the actions, for dm and dr: an action, then numbers.",
)
@option("format", type=click.Choice(FORMATS), default="text", help="Form of it.")
@option(
    "out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write it to, instead of standard output.",
)
def evaluate(
    log: LogOptions,
    policy: tuple[str, ...],
    action_features: Path | None,
    format: str,  # noqa: A002 - the option's name
    out: Path | None,
) -> None:
    """Say what target policies would have earned on a log that others made.

    The policy is named with --policy, or its chances are columns of the file.

    Example: bandit-svc evaluate --log log.csv --action-column item --reward-column
    click --propensity-column p --policy uniform --actions 80
    """
    evaluate_log(log, policy, format, out, action_features)
