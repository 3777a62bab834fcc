"""`bandit-svc report`: what an experiment earned.

Owns where the report goes; its numbers are services.report.build's.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import click

from bandit_svc.cli.experiments.report_text import report_text
from bandit_svc.cli.opening import opened
from bandit_svc.cli.options import data_option, result_options
from bandit_svc.cli.output import as_json, emit
from bandit_svc.clock import now_ms
from bandit_svc.prose.report_csv import report_csv
from bandit_svc.prose.report_html.page import report_html
from bandit_svc.services.checks.check import checked_json
from bandit_svc.services.report.build import build_report


@click.command()
@click.argument("key")
@data_option
@result_options("text", "json", "csv", "html")
def report(key: str, data: str, format: str, out: Path | None) -> None:  # noqa: A002 - the option's name
    """Report what an experiment earned, with the uncertainty.

    Every interval holds at every look, so it may be read as often as you like.

    Example: bandit-svc report homepage-hero --format html --out report.html
    """
    with opened(data) as backends:
        experiment = backends.storage.experiments.get(key)
        built = build_report(backends.storage, experiment, now_ms())
    written: Mapping[str, Callable[[], str]] = {
        "text": lambda: report_text(built),
        "json": lambda: as_json(checked_json(built)),
        "csv": lambda: report_csv(built),
        "html": lambda: report_html(built, experiment.definition.description),
    }
    emit(written[format](), out)
