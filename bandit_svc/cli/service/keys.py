"""`bandit-svc keys`: make, list and revoke API keys.

Never prints a key except in the moment of its making.
"""

import secrets
from typing import get_args

import click

from bandit_svc.cli.columns import echo_rows, moment
from bandit_svc.cli.opening import opened
from bandit_svc.cli.options import data_option, option
from bandit_svc.clock import now_ms
from bandit_svc.services.managing.issue_keys import ENTROPY_BYTES, issue_key
from bandit_svc.storage.rows import Scope


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
    help="secret may do everything; publishable may decide and report rewards.",
)
def create(data: str, scope: Scope) -> None:
    """Make a key and print it, once; a running service accepts it at once.

    Example: bandit-svc keys create --scope secret
    """
    with opened(data) as backends:
        issued = issue_key(
            backends.storage.keys, scope, secrets.token_bytes(ENTROPY_BYTES), now_ms()
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

    Example: bandit-svc keys list
    """
    with opened(data) as backends:
        rows = backends.storage.keys.all()
    echo_rows(
        [
            ["ID", "SCOPE", "CREATED", "REVOKED"],
            *(
                [r.id, r.scope, moment(r.created_at_ms), moment(r.revoked_at_ms)]
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
