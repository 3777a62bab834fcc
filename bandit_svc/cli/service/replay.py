"""`bandit-svc replay`: are the model and the states of units what the log gives?

Owns the words of the comparison; services.learning.replay and services.people.rebuild
do the work.
"""

import click

from bandit_svc.cli.columns import echo_rows
from bandit_svc.cli.opening import opened
from bandit_svc.cli.options import archive_option, data_option, option
from bandit_svc.cli.progress import counting
from bandit_svc.domain.numbers import counted
from bandit_svc.services.archiving.orders import joined_order
from bandit_svc.services.learning.replay import Replayed, replay_branch
from bandit_svc.services.learning.replay import replay as replay_model
from bandit_svc.services.people.rebuild import rebuild


@click.command()
@click.argument("key", required=False)
@data_option
@archive_option
@option(
    "units",
    is_flag=True,
    show_default=False,
    help="The states of units in place of a model; without --verify they are replaced.",
)
@option(
    "verify",
    is_flag=True,
    show_default=False,
    help="Exit 1 if what is kept differs from what the log gives.",
)
def replay(
    key: str | None, data: str, archive: str, *, units: bool, verify: bool
) -> None:
    """Build an experiment's model again from the log, and compare the two.

    With an archive, it is read as far as it goes, and then the store.

    With --units, the same of what is known of units. May run beside a running service;
    what it publishes meanwhile is left out.

    Example: bandit-svc replay homepage-hero --verify
    """
    if (key is None) != units:
        raise click.UsageError("name either an experiment's KEY or --units")
    if key is None:
        _units(data, verify=verify)
    else:
        _model(key, data, archive, verify=verify)


def _units(data: str, *, verify: bool) -> None:
    with opened(data) as backends:
        storage = backends.storage
        result = rebuild(storage.unit_facts, storage.units, keep=not verify)
    echo_rows(
        [
            ["facts", str(result.facts)],
            ["ids", str(result.ids)],
            ["kept sha256", result.kept_sha256],
            ["rebuilt sha256", result.rebuilt_sha256],
        ]
    )
    if result.matches:
        click.echo("The states of units are those that the log gives.")
        return
    differs = "the states of units are not those that the log gives"
    if verify:
        raise click.ClickException(
            f"{differs}; `bandit-svc replay --units` replaces them"
        )
    click.echo(f"Note: {differs}; they were replaced.")


def _model(key: str, data: str, archive: str, *, verify: bool) -> None:
    with opened(data, archive=archive) as backends:
        experiment = backends.storage.experiments.get(key)
        total = backends.storage.joins.last_position(experiment.number)
        order = None
        if backends.archive is not None:
            order = joined_order(backends.archive, experiment)
        with counting(f"Replaying {key}", total) as show:
            result = replay_model(
                backends.storage,
                experiment,
                lambda done, _total: show(done, "joined decisions"),
                order=order,
            )
            branch = replay_branch(
                backends.storage,
                experiment,
                lambda done, _total: show(done, "joined decisions, for the split"),
                order,
            )
    differing = [
        _compared(one, f"{words}model", key)
        for words, one in (("", result), ("split's ", branch))
        if one is not None
    ]
    differs = "; ".join(one for one in differing if one)
    if not differs:
        return
    if verify:
        raise click.ClickException(differs)
    click.echo(f"Note: {differs}.")


def _compared(result: Replayed, model: str, key: str) -> str:
    """Print a comparison; return what differs as a sentence, empty if nothing does."""
    echo_rows(
        [
            [f"{model} version", str(result.version)],
            ["learned from", counted(result.learned, "decision")],
            ["published sha256", result.published_sha256],
            ["replayed sha256", result.replayed_sha256],
        ]
    )
    if result.matches:
        click.echo(f"The published {model} is the one that the log gives.")
        return ""
    return (
        f"the published {model} {result.version} of {key} is not the one that the log "
        "gives; `bandit-svc doctor` looks for damage"
    )
