"""`bandit-svc rewards`: rewards that found neither decision nor unit.

Owns the words of the list, and the wait for the learner, which credits them.
"""

import threading
from pathlib import Path

import click

from bandit_svc.cli.columns import columns
from bandit_svc.cli.opening import opened
from bandit_svc.cli.options import data_option, option, result_options
from bandit_svc.cli.output import as_json, emit
from bandit_svc.clock import deadline_in, elapsed_s
from bandit_svc.domain.numbers import counted
from bandit_svc.domain.times import timestamp, to_the_second
from bandit_svc.storage.credits import QuarantinedReward
from bandit_svc.wiring import Backends

_COLUMNS = ("RECEIVED", "REWARD_ID", "EXPERIMENT", "METRIC", "VALUE", "NAMES")
_WAIT_S = 30.0
_LOOK_EVERY_S = 0.05


@click.group()
def rewards() -> None:
    """List rewards that found neither decision nor unit, and look again.

    Example: bandit-svc rewards quarantine
    """


@rewards.command()
@data_option
@option(
    "limit",
    type=click.IntRange(1, 100_000),
    default=1_000,
    help="Most rewards that are listed, the newest of them.",
)
@result_options("text", "json")
def quarantine(data: str, limit: int, format: str, out: Path | None) -> None:  # noqa: A002 - the option's name
    """List the rewards that wait for a decision, newest first.

    Each is credited by itself when its decision, or a link of its unit, turns up; one
    of a unit is given up after --quarantine-days of `serve`.

    Example: bandit-svc rewards quarantine --format json
    """
    with opened(data) as backends:
        keys = {e.number: e.key for e in backends.storage.experiments.all()}
        found = backends.storage.credits.quarantined(limit)
    rows = [_row(one, keys.get(one.number, str(one.number))) for one in found]
    if format == "json":
        emit(as_json({"rewards": rows}), out)
        return
    table = [
        [
            to_the_second(one.received_at_ms),
            one.reward_id or "-",
            str(row["experiment"]),
            one.metric,
            f"{one.value:g}",
            one.decision_id or f"its {one.source}",
        ]
        for one, row in zip(found, rows, strict=True)
    ]
    lines = (
        columns([_COLUMNS, *table]) if table else ["No reward waits for a decision."]
    )
    emit("".join(f"{line}\n" for line in lines), out)


@rewards.command()
@data_option
def redrive(data: str) -> None:
    """Look again for the decisions of all rewards that wait, and say how many still do.

    May run beside a running service, whose learner does it then.

    Example: bandit-svc rewards redrive
    """
    with opened(data) as backends:
        store = backends.storage.credits
        before = store.count_quarantined()
        store.ask_to_redrive()
        _drive(backends)
        after = store.count_quarantined()
    click.echo(
        f"{counted(max(0, before - after), 'reward')} credited; "
        f"{counted(after, 'reward')} of units still without a decision."
    )


def _drive(backends: Backends) -> None:
    """Do what was asked for, or wait until the learner has done it."""
    store = backends.storage.credits
    time_is_up = deadline_in(_WAIT_S, elapsed_s)
    while store.redrive_is_asked():
        with backends.storage.leases.hold("learner") as held:
            if held is not None:
                backends.storage.facts.ingest((), {})
                continue
        if time_is_up():
            raise click.ClickException(
                f"the learner has not looked within {_WAIT_S:g} s; it will when it "
                "runs again. `bandit-svc doctor` says what keeps it"
            )
        threading.Event().wait(_LOOK_EVERY_S)


def _row(one: QuarantinedReward, experiment: str) -> dict[str, object]:
    return {
        "reward_id": one.reward_id or None,
        "experiment": experiment,
        "metric": one.metric,
        "value": one.value,
        "occurred_at": timestamp(one.occurred_at_ms),
        "received_at": timestamp(one.received_at_ms),
        "source": one.source,
        "decision_id": one.decision_id,
    }
