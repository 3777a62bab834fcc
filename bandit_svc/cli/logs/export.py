"""`bandit-svc export`: joined decisions for other tools.

Owns the file: it appears whole or not at all.
"""

import gzip
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, cast

import click

from bandit_svc.cli.opening import opened
from bandit_svc.cli.options import data_option, option
from bandit_svc.cli.progress import counting
from bandit_svc.errors import InvalidInput
from bandit_svc.services.decision_logs.export import GroupChoice
from bandit_svc.services.decision_logs.export import export as exported
from bandit_svc.services.decision_logs.exported import Exported
from bandit_svc.services.decision_logs.writers.dsjson import dsjson_line
from bandit_svc.services.decision_logs.writers.parquet import write_parquet

FORMATS = ("parquet", "dsjson")
GROUPS = ("treatment", "baseline", "all")
Batches = Iterable[list[Exported]]


@click.command()
@click.argument("key")
@data_option
@option("format", type=click.Choice(FORMATS), required=True, help="Form of the file.")
@option(
    "out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write. dsjson goes to standard output without it, and is compressed "
    "if the name ends in .gz.",
)
@option(
    "group",
    type=click.Choice(GROUPS),
    default="treatment",
    help="Group of the decisions; off-policy estimates need the treatment's.",
)
def export(key: str, data: str, format: str, out: Path | None, group: str) -> None:  # noqa: A002 - the option's name
    """Write the joined decisions of an experiment to a file.

    Each has its context, the eligible variants with their pmf, the choice, its
    propensity and its joined reward. dsjson is Vowpal Wabbit's own log format.

    Example: bandit-svc export homepage-hero --format parquet --out hero.parquet
    """
    if out is None and format == "parquet":
        raise InvalidInput(
            "Parquet can't go to standard output, since it is not text; give --out FILE"
        )
    with opened(data) as backends:
        storage = backends.storage
        experiment = storage.experiments.get(key)
        total = storage.joins.last_position(experiment.number)
        with counting(f"Exporting {key}", total) as show:
            batches = exported(
                storage,
                experiment,
                cast("GroupChoice", group),
                lambda done: show(done, "joined decisions"),
            )
            if out is None:
                n = _write_lines(batches, sys.stdout.buffer)
            else:
                n = _write_whole(batches, out, format)
    click.echo(f"{n:,} joined decisions of {key} written.", err=True)


def _write_whole(batches: Batches, out: Path, form: str) -> int:
    """Write beside the file and put it in its place when it is complete."""
    part = out.with_name(f"{out.name}.part")
    try:
        if form == "parquet":
            n = write_parquet(batches, part)
        else:
            opener = gzip.open if out.suffix == ".gz" else open
            with opener(part, "wb") as file:
                n = _write_lines(batches, cast("BinaryIO", file))
        part.replace(out)
    except OSError as error:
        raise InvalidInput(f"{out} can't be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return n


def _write_lines(batches: Batches, file: BinaryIO) -> int:
    n = left_out = 0
    for batch in batches:
        drawn = [one for one in batch if not one.shown]
        file.writelines(dsjson_line(one) for one in drawn)
        n += len(drawn)
        left_out += len(batch) - len(drawn)
    file.flush()
    if left_out:
        click.echo(
            f"{left_out:,} decisions of the caller's own system are left out: dsjson "
            "needs the chance of each variant; --format parquet has them.",
            err=True,
        )
    return n
