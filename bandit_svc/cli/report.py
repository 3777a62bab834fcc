"""`bandit-svc report`: what an experiment earned.

Owns where the report goes; its numbers are services.report's.
"""

from pathlib import Path

import click
import msgspec

from bandit_svc.cli.opening import now_ms, opened
from bandit_svc.cli.options import data_option, option
from bandit_svc.cli.output import emit
from bandit_svc.cli.report_text import report_text
from bandit_svc.services.report import build_report
from bandit_svc.services.report_html.page import report_html
from bandit_svc.services.report_rows import report_csv

FORMATS = ("text", "json", "csv", "html")


@click.command()
@click.argument("key")
@data_option
@option("format", type=click.Choice(FORMATS), default="text", help="Form of it.")
@option(
    "out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write it to, instead of standard output.",
)
def report(key: str, data: str, format: str, out: Path | None) -> None:  # noqa: A002 - the option's name
    """Say what an experiment earned, and how sure that is.

    Every interval holds at every look, so it may be read as often as you like.

    Example: bandit-svc report homepage-hero --format html --out report.html
    """
    with opened(data) as backends:
        experiment = backends.storage.experiments.get(key)
        built = build_report(backends.storage, experiment, now_ms())
    if format == "json":
        text = msgspec.json.format(msgspec.json.encode(built), indent=2).decode() + "\n"
    elif format == "csv":
        text = report_csv(built)
    elif format == "html":
        text = report_html(built, experiment.definition.description)
    else:
        text = report_text(built)
    emit(text, out)
