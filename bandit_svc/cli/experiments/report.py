"""`bandit-svc report`: what an experiment earned.

Owns where the report goes; its numbers are services.report.build's.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import click

from bandit_svc.cli.experiments.report_text import report_text
from bandit_svc.cli.opening import opened
from bandit_svc.cli.options import data_option, option, result_options
from bandit_svc.cli.output import as_json, emit
from bandit_svc.clock import now_ms
from bandit_svc.prose.report_csv import report_csv
from bandit_svc.prose.report_html.page import report_html
from bandit_svc.services.report.ranges.asked import RangeQuery
from bandit_svc.services.report.ranges.report_json import report_json
from bandit_svc.services.report.ranges.whole_or_range import whole_or_range


@click.command()
@click.argument("key")
@option("from", help="Count decisions made then or later: date or RFC 3339.")
@option("to", help="Count decisions made before it, likewise.")
@option("as-of", help="Count decisions that had matured by then: date or RFC 3339.")
@data_option
@result_options("text", "json", "csv", "html")
def report(
    *,
    key: str,
    data: str,
    format: str,  # noqa: A002 - the option's name
    out: Path | None,
    **asked: str | None,
) -> None:
    """Report what an experiment earned, with the uncertainty.

    Every interval holds at every look, so it may be read as often as you like. With
    --from and --to it counts the decisions made in that range alone.

    Example: bandit-svc report homepage-hero --format html --out report.html
    """
    with opened(data) as backends:
        experiment = backends.storage.experiments.get(key)
        query = RangeQuery(asked["from"], asked["to"], asked["as_of"])
        built = whole_or_range(backends.storage, experiment, query, now_ms())
    written: Mapping[str, Callable[[], str]] = {
        "text": lambda: report_text(built),
        "json": lambda: as_json(report_json(built)),
        "csv": lambda: report_csv(built),
        "html": lambda: report_html(built, experiment.definition.description),
    }
    emit(written[format](), out)
