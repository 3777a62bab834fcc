"""`bandit-svc doctor`: is this data folder sound?

Owns what the machine is asked: room and permissions. What counts as a fault in the
store and the log is services.managing.doctor's.
"""

import os
import sys
from contextlib import closing
from pathlib import Path

import click

from bandit_svc.cli.opening import opened
from bandit_svc.cli.options import archive_option, data_option, option, settings_of
from bandit_svc.cli.service import private_folder
from bandit_svc.clock import now_ms
from bandit_svc.errors import LogUnreadable
from bandit_svc.eventlog.bounded import shortages
from bandit_svc.eventlog.kept import kept_faults
from bandit_svc.services.archiving.faults import archive_faults, archive_state
from bandit_svc.services.checks.outbox import outbox_fault, outbox_line
from bandit_svc.services.managing.doctor import examine
from bandit_svc.settings import Settings
from bandit_svc.wiring import (
    Backends,
    log_folder,
    log_limits,
    log_room,
    node_outbox,
)


@click.command()
@data_option
@archive_option
@option(
    "acknowledge",
    type=int,
    multiple=True,
    metavar="ID",
    help="Accept the loss of a damage of the event log, by the number that doctor "
    "prints; then check. May be repeated.",
)
@option(
    "show",
    type=int,
    metavar="ID",
    help="Print the bytes that are kept of a damage (at most 64 kB), and check "
    "nothing.",
)
def doctor(
    data: str, archive: str, acknowledge: tuple[int, ...], show: int | None
) -> None:
    """Check the store, the event log, the models, the clock, the disk and the archive.

    With BANDIT_STREAM it tells how many bytes of this machine's outbox the stream has
    not acknowledged, for how long, and up to where it has.
    Prints one line for each fault and exits 1, or says that there is none.
    Changes nothing but the list of damages, to which it adds damaged rows of the
    store. May run beside a running service.

    Example: bandit-svc doctor --data ./data
    """
    if show is not None:
        with opened(data) as backends:
            sys.stdout.buffer.write(backends.storage.damages.remains(show))
        return
    if acknowledge:
        with opened(data) as backends:
            for damage_id in acknowledge:
                backends.storage.damages.acknowledge(damage_id, now_ms())
    with closing(Backends(settings_of(data=data, archive=archive))) as backends:
        outbox_faults, outbox_lines = _outbox(backends.settings)
        around = (
            *_permission_faults(backends.folder),
            *private_folder.faults(backends.folder),
            *_limit_faults(backends.settings),
            *kept_faults(log_folder(backends.settings)),
            *outbox_faults,
        )
        faults = examine(backends.storage, backends.reader, now_ms(), around)
        if not faults:
            faults = archive_faults(backends.storage, backends.archive)
        if not faults and backends.archive is not None:
            click.echo(archive_state(backends.archive))
        if not faults:
            for line in outbox_lines:
                click.echo(line)
    for fault in faults:
        click.echo(fault)
    if faults:
        raise click.exceptions.Exit(1)
    click.echo("no faults found")


def _outbox(settings: Settings) -> tuple[list[str], list[str]]:
    """Return what is wrong with the outbox, and how far the stream has it."""
    try:
        state = node_outbox(settings)
    except LogUnreadable as error:
        return [str(error)], []
    if state is None:
        return [], []
    at_ms = now_ms()
    fault = outbox_fault(state, at_ms)
    return [] if fault is None else [fault], [outbox_line(state, at_ms)]


def _permission_faults(folder: Path) -> list[str]:
    """Return a sentence for each place that this user can't write."""
    places = [folder, *(folder / name for name in ("log", "locks", "metrics"))]
    places += folder.glob("bandit.db*")
    return [
        f"{place} can't be written by this user; give it to the service's user"
        for place in places
        if place.exists() and not os.access(place, os.W_OK)
    ]


def _limit_faults(settings: Settings) -> list[str]:
    """Return a sentence for each limit of the event log that is near or passed."""
    folder = log_folder(settings)
    if not folder.parent.exists():
        return []
    return [s.sentence for s in shortages(log_limits(settings), log_room(settings))]
