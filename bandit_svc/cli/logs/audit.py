"""`bandit-svc audit`: can this log be trusted?

Owns the choice between our own log and a file, and the exit code; the checks are
services.decision_logs.audit_log's.
"""

from collections.abc import Sequence
from pathlib import Path

import click

from bandit_svc.cli.columns import columns
from bandit_svc.cli.logs.log_options import LogOptions, log_options
from bandit_svc.cli.opening import opened
from bandit_svc.cli.options import data_option, option, result_options
from bandit_svc.cli.output import as_json, emit
from bandit_svc.cli.spinner import narrating
from bandit_svc.clock import now_ms
from bandit_svc.domain.numbers import counted
from bandit_svc.errors import InvalidInput
from bandit_svc.services.checks.check import Check, check_json, with_status
from bandit_svc.services.decision_logs.audit_log import audit_log, audit_verdict
from bandit_svc.services.decision_logs.stored_log import stored_log
from bandit_svc.services.report.build import build_report


@click.command()
@click.argument("key", required=False)
@data_option
@log_options
@option(
    "policy",
    multiple=True,
    accepts=lambda spec: spec == "uniform" or spec.startswith("fixed:"),
    help="A target policy to check the log for: uniform or fixed:ACTION; repeatable.",
)
@result_options("text", "json")
@click.pass_context
def audit(
    context: click.Context,
    key: str | None,
    data: str,
    log: LogOptions,
    policy: tuple[str, ...],
    format: str,  # noqa: A002 - the option's name
    out: Path | None,
) -> None:
    """Check whether the logged propensities are those that choices were drawn with.

    Reads an experiment (KEY) or another system's log (--log). Exits 1 if a check
    fails; one that is too early to test does not fail. The tests of propensities hold
    at every look, so run it as often as you like.

    Example: bandit-svc audit --log log.csv --action-column item --reward-column click
    --propensity-column p
    """
    if (key is None) == (log.path is None):
        raise InvalidInput(
            "pass either KEY, for an experiment's own log, or --log FILE, not both"
        )
    with narrating() as narrate:
        if key is None:
            decisions = log.read(narrate)
            narrate(f"Auditing {counted(decisions.n, 'decision')}")
            checks = audit_log(decisions, policy)
        else:
            with opened(data) as backends:
                storage = backends.storage
                experiment = storage.experiments.get(key)
                decisions = stored_log(
                    storage,
                    experiment,
                    lambda position: narrate(
                        f"Reading {key}: {counted(position, 'decision')}"
                    ),
                )
                checks = audit_log(decisions, policy, own=True)
                checks += build_report(storage, experiment, now_ms()).health
    emit(_written(checks, decisions.source, format), out)
    if with_status(checks, "fail"):
        context.exit(1)


def _written(checks: Sequence[Check], source: str, form: str) -> str:
    verdict = audit_verdict(checks)
    if form == "json":
        health = [check_json(check) for check in checks]
        return as_json({"log": source, "verdict": verdict, "health": health})
    rows = [("STATUS", "CHECK", "WHAT WAS FOUND")]
    rows += [
        (
            check.status,
            check.name.replace("_", " "),
            (f"{check.policy}: " if check.policy else "") + check.detail,
        )
        for check in checks
    ]
    return "\n".join([verdict, source, "", *columns(rows)]) + "\n"
