"""`bandit-svc evaluate`: what would another policy have earned?

Owns the options and the choice between our own log and a file.
"""

from pathlib import Path
from typing import get_args

import click

from bandit_svc.cli.evaluation.evaluate_from_archive import from_archive
from bandit_svc.cli.evaluation.evaluate_key import evaluate_key
from bandit_svc.cli.evaluation.evaluate_log import FORMATS, evaluate_log
from bandit_svc.cli.logs.log_options import LogOptions, log_options
from bandit_svc.cli.options import data_option, option, result_options
from bandit_svc.errors import InvalidInput
from bandit_svc.ope.estimators.registry import ESTIMATORS, PROGRESSIVE
from bandit_svc.services.values import ONE_STEP, Estimand


@click.command()
@click.argument("key", required=False)
@data_option
@log_options
@option(
    "archive",
    is_flag=False,
    flag_value="",
    own=True,
    show_default=False,
    metavar="[URL]",
    help="With KEY: read the archive by DuckDB in place of the store; BANDIT_ARCHIVE "
    "without a URL.",
)
@option(
    "policy",
    multiple=True,
    metavar="SPEC",
    help="A target policy: uniform or fixed:VARIANT; for an experiment also those "
    "above. Repeatable.",
)
@option(
    "action-features",
    type=click.Path(path_type=Path),
    help="CSV of features of the actions, for estimators with a reward model: the "
    "action, then numbers, which are standardised.",
)
@option(
    "estimator",
    multiple=True,
    type=click.Choice(tuple(ESTIMATORS)),
    show_default="all",
    help="An estimator to print; an experiment's own log has "
    f"{', '.join(PROGRESSIVE)}. Repeatable.",
)
@option(
    "estimand",
    type=click.Choice(get_args(Estimand)),
    default=ONE_STEP,
    help="With KEY: the value of changing single decisions (one_step), or of deploying "
    "the policy for each unit (trajectory), where decisions change later ones; or of "
    "pages whose slots are all chosen by it (slate).",
)
@result_options(*FORMATS)
def evaluate(  # noqa: PLR0913 - one argument an option
    *,
    key: str | None,
    data: str,
    log: LogOptions,
    archive: str | None,
    policy: tuple[str, ...],
    action_features: Path | None,
    estimator: tuple[str, ...],
    estimand: Estimand,
    format: str,  # noqa: A002 - the option's name
    out: Path | None,
) -> None:
    """Estimate what target policies would have earned.

    Estimates are in reward units a decision, with 95 % intervals.

    On the log of an experiment (KEY), where --policy names any policy, one that
    learns too: it is trained as the log goes, each decision evaluated before it
    is learned from. With --archive, on its decisions in the archive, for uniform,
    baseline and fixed variants. Or on another system's log (--log), where the policy
    is named, or its chances are columns of the file.

    \b
    Targets on our own log, after --policy:
      uniform, baseline, fixed:sandals   every variant alike, the holdout's, one
      bagging                            a candidate of the experiment, by name
      '{"kind": "linear", "ridge": 5}'   any spec as JSON
      @table.toml                        the same in a file; kind = "rules" too
      model:17                           a published version, on what it hadn't seen
      callable:mine.targets:by_weather   a function (context, variant_keys) of yours

    Example: bandit-svc evaluate homepage-hero --policy uniform --policy '{"kind":
    "linear"}'
    """  # noqa: D301 - click's own mark of lines that stay as they are
    if (key is None) == (log.path is None):
        raise InvalidInput(
            "pass either KEY, for an experiment's own log, or --log FILE, not both"
        )
    if key is None and estimand != ONE_STEP:
        raise InvalidInput(
            f"--estimand {estimand} needs the units' histories, which only an "
            "experiment's own log has; pass KEY in place of --log"
        )
    if archive is not None and (key is None or estimand != ONE_STEP):
        raise InvalidInput(
            "--archive needs an experiment's KEY, and the estimand one_step; leave "
            "it out otherwise"
        )
    if key is not None and archive is not None:
        from_archive(key, data, archive, policy, estimator, format, out)
    elif key is None:
        evaluate_log(log, policy, estimator, format, out, action_features)
    else:
        evaluate_key(key, data, policy, estimator, estimand, format, out)
