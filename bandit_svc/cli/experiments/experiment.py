"""`bandit-svc experiment`: create, list, show, pause, resume, archive.

Works on the data folder itself; a running service sees each change at its next
request.
"""

import secrets
from pathlib import Path

import click
import msgspec

from bandit_svc.cli.columns import echo_rows, moment
from bandit_svc.cli.opening import opened
from bandit_svc.cli.options import data_option
from bandit_svc.cli.plain_file import plain_values
from bandit_svc.clock import now_ms
from bandit_svc.domain.experiment import Experiment, Status
from bandit_svc.services.managing import lifecycle

SALT_BYTES = 16


@click.group()
def experiment() -> None:
    """Create and manage experiments.

    Example: bandit-svc experiment list
    """


@experiment.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@data_option
def create(file: Path, data: str) -> None:
    """Create an experiment from FILE (.toml or .json; - reads JSON from stdin).

    Only `key` and `variants` are required.

    Example: bandit-svc experiment create homepage-hero.toml
    """
    definition = lifecycle.convert_definition(plain_values(file))
    with opened(data) as backends:
        made = lifecycle.create(
            backends.storage, definition, secrets.token_hex(SALT_BYTES), now_ms()
        )
    click.echo(
        f"Created {made.key}: {len(made.definition.variants)} variants, policy "
        f"{made.definition.policy['kind']}, {made.definition.status}."
    )


@experiment.command("list")
@data_option
def list_experiments(data: str) -> None:
    """List the experiments, oldest first.

    Example: bandit-svc experiment list
    """
    with opened(data) as backends:
        known = backends.storage.experiments.all()
    echo_rows(
        [
            ["KEY", "STATUS", "POLICY", "VARIANTS", "REVISION", "CREATED"],
            *(_row(e) for e in known),
        ]
    )


@experiment.command()
@click.argument("key")
@data_option
def show(key: str, data: str) -> None:
    """Print an experiment's definition as JSON, every default filled in.

    What it prints can be edited and given to `create` under another key. Notes of its
    revisions, such as why a policy was promoted, go to standard error.

    Example: bandit-svc experiment show homepage-hero
    """
    with opened(data) as backends:
        found = backends.storage.experiments.get(key)
        revisions = backends.storage.experiments.revisions(found.number)
    for one in revisions:
        if one.note:
            at = moment(one.revised_at_ms)
            click.echo(f"Revision {one.revision}, {at}: {one.note}.", err=True)
    encoded = msgspec.json.encode(found.definition)
    click.echo(msgspec.json.format(encoded, indent=2))


@experiment.command()
@click.argument("key")
@data_option
def pause(key: str, data: str) -> None:
    """Stop deciding for an experiment; rewards still count, and it can resume.

    Example: bandit-svc experiment pause homepage-hero
    """
    _set_status(key, data, "paused")


@experiment.command()
@click.argument("key")
@data_option
def resume(key: str, data: str) -> None:
    """Decide again for an experiment that was paused.

    Example: bandit-svc experiment resume homepage-hero
    """
    _set_status(key, data, "running")


@experiment.command()
@click.argument("key")
@data_option
def archive(key: str, data: str) -> None:
    """End an experiment for good; its log and its report stay.

    Example: bandit-svc experiment archive homepage-hero
    """
    _set_status(key, data, "archived")


def _set_status(key: str, data: str, status: Status) -> None:
    with opened(data) as backends:
        changed = lifecycle.change(backends.storage, key, {"status": status}, now_ms())
    click.echo(f"{key} is {status} (revision {changed.revision}).")


def _row(found: Experiment) -> list[str]:
    definition = found.definition
    return [
        found.key,
        definition.status,
        str(definition.policy["kind"]),
        str(len(definition.active_variants)),
        str(found.revision),
        moment(found.created_at_ms),
    ]
