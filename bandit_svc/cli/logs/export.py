"""`bandit-svc export`: joined decisions for other tools.

Owns the file: it appears whole or not at all.
"""

import gzip
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import click

from bandit_svc.cli.opening import opened
from bandit_svc.cli.options import archive_option, data_option, option
from bandit_svc.cli.progress import counting
from bandit_svc.domain.experiment import Experiment
from bandit_svc.errors import InvalidInput
from bandit_svc.services.decision_logs.export import GroupChoice
from bandit_svc.services.decision_logs.export import export as exported
from bandit_svc.services.decision_logs.export_learned import export_learned
from bandit_svc.services.decision_logs.exported import Exported
from bandit_svc.services.decision_logs.writers.dsjson import dsjson_line
from bandit_svc.services.decision_logs.writers.parquet import write_parquet
from bandit_svc.storage.interface import Storage

FORMATS = ("parquet", "dsjson")
GROUPS = ("treatment", "baseline", "all")
Batches = Iterable[list[Exported]]


@click.command()
@click.argument("key")
@data_option
@archive_option
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
@option(
    "as-learned",
    is_flag=True,
    show_default=False,
    help="Write what the newest model of a policy of kind vw has learned, imports "
    "too, so that Vowpal Wabbit comes to the same weights; dsjson alone.",
)
def export(
    *,
    key: str,
    data: str,
    archive: str,
    format: str,  # noqa: A002 - the option's name
    out: Path | None,
    group: str,
    as_learned: bool,
) -> None:
    """Write the joined decisions of an experiment to a file.

    Each has its context, the eligible variants with their pmf, the choice, its
    propensity and its joined reward. dsjson is Vowpal Wabbit's own log format.
    Decisions that have left the store are read from the archive.

    Example: bandit-svc export homepage-hero --format parquet --out hero.parquet
    """
    if out is None and format == "parquet":
        raise InvalidInput(
            "Parquet can't go to standard output, since it is not text; give --out FILE"
        )
    if as_learned and format != "dsjson":
        raise InvalidInput(f"--as-learned is of dsjson; --format is {format}")
    with opened(data, archive=archive) as backends:
        storage = backends.storage
        experiment = storage.experiments.get(key)
        if as_learned:
            _write_learned(storage, experiment, out)
            return
        total = storage.joins.last_position(experiment.number)
        with counting(f"Exporting {key}", total) as show:
            batches = exported(
                storage,
                experiment,
                cast("GroupChoice", group),
                lambda done: show(done, "joined decisions"),
            )
            if out is None:
                n = _write_bytes(_drawn_lines(batches), sys.stdout.buffer)
            else:
                n = _write_whole(batches, out, format)
    click.echo(f"{n:,} joined decisions of {key} written.", err=True)


def _write_learned(storage: Storage, experiment: Experiment, out: Path | None) -> None:
    learned = export_learned(storage, experiment)
    with counting(f"Exporting {experiment.key}", learned.decisions) as show:
        lines = learned.lines(lambda done: show(done, "learned decisions"))
        if out is None:
            _write_bytes(lines, sys.stdout.buffer)
        else:
            _whole(out, lambda part: _write_file(lines, part, out))
    click.echo(
        f"{learned.decisions:,} decisions that model {learned.version} of "
        f"{experiment.key} has learned written. The same weights have: "
        f"vw {learned.arguments}",
        err=True,
    )


def _write_whole(batches: Batches, out: Path, form: str) -> int:
    if form == "parquet":
        return _whole(out, lambda part: write_parquet(batches, part))
    lines = _drawn_lines(batches)
    return _whole(out, lambda part: _write_file(lines, part, out))


def _drawn_lines(batches: Batches) -> Iterator[list[bytes]]:
    """Yield the lines of what policies drew; say how many decisions are left out."""
    left_out = 0
    for batch in batches:
        drawn = [one for one in batch if not one.shown]
        left_out += len(batch) - len(drawn)
        yield [dsjson_line(one) for one in drawn]
    if left_out:
        click.echo(
            f"{left_out:,} decisions of the caller's own system are left out: dsjson "
            "needs the chance of each variant; --format parquet has them.",
            err=True,
        )


def _whole(out: Path, write: Callable[[Path], int]) -> int:
    """Write beside the file and put it in its place when it is complete."""
    part = out.with_name(f"{out.name}.part")
    try:
        n = write(part)
        part.replace(out)
    except OSError as error:
        raise InvalidInput(f"{out} can't be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return n


def _write_file(lines: Iterable[list[bytes]], part: Path, out: Path) -> int:
    opener = gzip.open if out.suffix == ".gz" else open
    with opener(part, "wb") as file:
        return _write_bytes(lines, cast("BinaryIO", file))


def _write_bytes(lines: Iterable[list[bytes]], file: BinaryIO) -> int:
    n = 0
    for batch in lines:
        file.writelines(batch)
        n += len(batch)
    file.flush()
    return n
