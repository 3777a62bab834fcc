"""`bandit-svc privacy`: what is stored of a unit, and its erasure.

Owns the words of both, and who does an erasure: the learner of a running service, or
this command where none runs. services.managing.privacy does the work.
"""

import secrets
import time
from contextlib import closing

import click
import msgspec

from bandit_svc.cli.columns import echo_rows
from bandit_svc.cli.opening import opened
from bandit_svc.cli.options import data_option
from bandit_svc.clock import now_ms
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.ingest import Ingesting, ingest
from bandit_svc.services.managing.privacy.ask_erasure import ID_BYTES, ask_erasure
from bandit_svc.services.managing.privacy.erase_unit import erase_unit
from bandit_svc.services.managing.privacy.export_unit import export_unit
from bandit_svc.storage.privacy import Erasure
from bandit_svc.wiring import Backends

POLL_S = 0.1


@click.group()
def privacy() -> None:
    """Export what is stored of a unit, or erase it.

    Example: bandit-svc privacy export u-81
    """


@privacy.command()
@click.argument("unit")
@data_option
def export(unit: str, data: str) -> None:
    """Print what is stored of a unit and its linked ids, as JSON.

    UNIT is an id as callers send it, or a pseudonym. What came within the last second
    may be missing.

    Example: bandit-svc privacy export u-81
    """
    with opened(data) as backends:
        name = backends.pseudonyms.of(unit, trusted=True)
        found = export_unit(backends.storage, name)
    click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))


@privacy.command()
@click.argument("unit")
@data_option
def erase(unit: str, data: str) -> None:
    """Take a unit and its linked ids out of everything; return when it is done.

    May run beside a running service, whose learner then does the work. It can't be
    undone, and asks nothing.

    Example: bandit-svc privacy erase u-81
    """
    with opened(data) as backends:
        name = backends.pseudonyms.of(unit, trusted=True)
        asked = ask_erasure(
            backends.storage, name, secrets.token_bytes(ID_BYTES), now_ms()
        )
        while (now := backends.storage.privacy.get(asked.id)) and now.step != "done":
            if not _erased_here(backends):
                time.sleep(POLL_S)
    if now is not None:
        _echo(now)


def _erased_here(backends: Backends) -> bool:
    """Do one erasure, if no learner runs; return whether one was done."""
    hold = backends.storage.leases.hold
    with hold("learner") as learner, hold("jobs") as jobs:
        if learner is None or jobs is None:
            return False
        with closing(Backends(backends.settings)) as own:
            ingest(
                own.storage.facts,
                own.reader,
                own.decoder,
                Definitions(own.storage.experiments),
                now_ms(),
                Ingesting(covered=own.storage.standbys.covered),
            )
        with closing(Backends(backends.settings)) as own:
            done = erase_unit(own.privacy, now_ms, secrets.token_bytes)
    return done is not None and done.step == "done"


def _echo(erasure: Erasure) -> None:
    click.echo("Erased.")
    echo_rows(
        [[what.replace("_", " "), str(n)] for what, n in sorted(erasure.counts.items())]
    )
    for place in erasure.deleted:
        click.echo(f"Deleted {place}, an export that held the unit or may have.")
