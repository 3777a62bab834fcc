"""`bandit-svc keys`: make, list and revoke API keys.

Never prints a key except in the moment of its making.
"""

import secrets
from datetime import UTC, datetime
from typing import get_args

import click

from bandit_svc.cli.columns import echo_rows, moment
from bandit_svc.cli.opening import opened
from bandit_svc.cli.options import data_option, option
from bandit_svc.cli.service.spans import span_ms
from bandit_svc.clock import now_ms
from bandit_svc.services.managing.issue_keys import (
    ENTROPY_BYTES,
    Restrictions,
    issue_key,
)
from bandit_svc.storage.keys import Scope

_COLUMNS = (
    *("ID", "SCOPE", "CREATED", "LAST USED", "EXPIRES", "REVOKED"),
    *("EXPERIMENTS", "ORIGINS"),
)


@click.group()
def keys() -> None:
    """Make, list and revoke API keys.

    Example: bandit-svc keys create --scope publishable
    """


@keys.command()
@data_option
@option(
    "scope",
    type=click.Choice(get_args(Scope)),
    required=True,
    help="secret may do everything; publishable may decide and report rewards; metrics "
    "may read /metrics and the description of the interface.",
)
@option(
    "experiment",
    multiple=True,
    metavar="KEY",
    help="Experiment that a publishable key may be used for; all without it. May be "
    "repeated.",
)
@option(
    "origin",
    multiple=True,
    metavar="ORIGIN",
    help="Origin of the pages that may send a publishable key, such as "
    "https://shop.example; any, and programs, without it. May be repeated.",
)
@option(
    "expires",
    metavar="WHEN",
    help="When the key ends: an instant as 2030-01-31 or 2030-01-31T14:00Z, or a time "
    "from now as 90d (days), 12h (hours) or 30m (minutes); never without it.",
)
def create(
    data: str,
    scope: Scope,
    experiment: tuple[str, ...],
    origin: tuple[str, ...],
    expires: str | None,
) -> None:
    """Make a key and print it, once; a running service accepts it at once.

    Example: bandit-svc keys create --scope publishable --expires 90d
    """
    at_ms = now_ms()
    ends_at_ms = None if expires is None else _instant(expires, at_ms)
    with opened(data) as backends:
        for key in experiment:
            backends.storage.experiments.get(key)
        issued = issue_key(
            backends.storage.keys,
            scope,
            secrets.token_bytes(ENTROPY_BYTES),
            at_ms,
            Restrictions(experiment, origin, ends_at_ms),
        )
    click.echo(issued.text)
    click.echo(
        f"Keep this {scope} key now; it is not shown again. Its id is {issued.row.id}.",
        err=True,
    )


@keys.command("list")
@data_option
def list_keys(data: str) -> None:
    """List the keys by id, without the keys themselves.

    The last use is known to the minute.

    Example: bandit-svc keys list
    """
    with opened(data) as backends:
        rows = backends.storage.keys.all()
    echo_rows(
        [
            _COLUMNS,
            *(
                [
                    *(r.id, r.scope, moment(r.created_at_ms)),
                    *(moment(r.last_used_at_ms), moment(r.expires_at_ms)),
                    moment(r.revoked_at_ms),
                    ",".join(r.experiments) or "all",
                    ",".join(r.origins) or "any",
                ]
                for r in rows
            ),
        ]
    )


@keys.command()
@click.argument("key_id", metavar="ID")
@data_option
def revoke(data: str, key_id: str) -> None:
    """End a key; a running service refuses it at once.

    Example: bandit-svc keys revoke 1f3a5c7e9b2d
    """
    with opened(data) as backends:
        backends.storage.keys.revoke(key_id, now_ms())
    click.echo(f"Revoked {key_id}.")


def _instant(text: str, now_ms: int) -> int:
    """Return an instant, or a time from now on, in milliseconds since the epoch."""
    if (from_now_ms := span_ms(text)) is not None:
        return now_ms + from_now_ms
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(
            f"{text[:40]!r} is no instant; write it as 2030-01-31 or "
            "2030-01-31T14:00Z, or a time from now as 90d, 12h or 30m",
            param_hint="--expires",
        ) from error
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return round(at.timestamp() * 1000)
