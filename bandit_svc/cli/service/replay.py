"""`bandit-svc replay`: is the model what the log gives?

Owns the words of the comparison; services.learning.replay does the work.
"""

import click

from bandit_svc.cli.columns import echo_rows
from bandit_svc.cli.opening import opened
from bandit_svc.cli.options import data_option, option
from bandit_svc.cli.progress import counting
from bandit_svc.domain.numbers import counted
from bandit_svc.services.learning.replay import replay as replay_model


@click.command()
@click.argument("key")
@data_option
@option(
    "verify",
    is_flag=True,
    show_default=False,
    help="Exit 1 if the published model differs from the replayed one.",
)
def replay(key: str, data: str, *, verify: bool) -> None:
    """Build an experiment's model again from the log, and compare the two.

    May run beside a running service; what it publishes meanwhile is left out.

    Example: bandit-svc replay homepage-hero --verify
    """
    with opened(data) as backends:
        experiment = backends.storage.experiments.get(key)
        total = backends.storage.joins.last_position(experiment.number)
        with counting(f"Replaying {key}", total) as show:
            result = replay_model(
                backends.storage,
                experiment,
                lambda done, _total: show(done, "joined decisions"),
            )
    echo_rows(
        [
            ["model version", str(result.version)],
            ["learned from", counted(result.learned, "decision")],
            ["published sha256", result.published_sha256],
            ["replayed sha256", result.replayed_sha256],
        ]
    )
    if result.matches:
        click.echo("The published model is the one that the log gives.")
        return
    differs = (
        f"the published model {result.version} of {key} is not the one that the log "
        "gives; `bandit-svc doctor` looks for damage"
    )
    if verify:
        raise click.ClickException(differs)
    click.echo(f"Note: {differs}.")
