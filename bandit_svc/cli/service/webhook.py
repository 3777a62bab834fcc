"""`bandit-svc webhook`: sources of rewards and events that sign what they send.

Never prints a secret except in the moment of its making.
"""

import secrets
from pathlib import Path
from typing import get_args

import click

from bandit_svc.cli.columns import echo_rows, moment
from bandit_svc.cli.opening import opened
from bandit_svc.cli.options import data_option, option
from bandit_svc.cli.plain_file import plain_values
from bandit_svc.cli.service.spans import span_ms
from bandit_svc.clock import now_ms
from bandit_svc.services.managing.webhook_mappings import checked_mapping
from bandit_svc.services.managing.webhook_sources import (
    ENTROPY_BYTES,
    IssuedSecret,
    SourceOptions,
    add_source,
    rotate_secret,
)
from bandit_svc.storage.doors.sources import SourceKind

_COLUMNS = ("NAME", "KIND", "CREATED", "SECRETS", "MAPPING", "BROWSER", "TEST MODE")
_OWN_HELP = (
    "Secret that the sender has made, of 16 to 512 characters; without it one is made."
)


@click.group()
def webhook() -> None:
    """Add, list and remove sources of rewards and events.

    Example: bandit-svc webhook add orders --kind standard-webhooks
    """


@webhook.command()
@click.argument("name")
@data_option
@option(
    "kind",
    type=click.Choice(get_args(SourceKind)),
    required=True,
    help="How the sender signs, and what it sends.",
)
@option(
    "mapping",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="What becomes of its events: a file of TOML or JSON, see docs/webhooks.md.",
)
@option("secret", metavar="TEXT", help=_OWN_HELP)
@option(
    "browser",
    is_flag=True,
    help="The write key is public: it may report events, and no rewards.",
)
@option(
    "test-mode",
    is_flag=True,
    help="Count events of the sender's test mode; they are ignored without it.",
)
def add(
    name: str,
    data: str,
    kind: SourceKind,
    mapping: Path | None,
    secret: str | None,
    *,
    browser: bool,
    test_mode: bool,
) -> None:
    """Add a source, and print its secret or write key, once.

    A running service takes its deliveries at once, at /v1/webhooks/NAME.

    Example: bandit-svc webhook add shop --kind stripe --mapping shop.toml
    """
    document = None if mapping is None else plain_values(mapping)
    with opened(data) as backends:
        if document is not None:
            known = backends.storage.experiments.all()
            document = checked_mapping(document, known)
        issued = add_source(
            backends.storage.sources,
            name,
            kind,
            secrets.token_bytes(ENTROPY_BYTES),
            now_ms(),
            SourceOptions(document, secret, browser=browser, test_mode=test_mode),
        )
    _echo_secret(issued)


@webhook.command("list")
@data_option
def list_sources(data: str) -> None:
    """List the sources by name, without their secrets.

    Example: bandit-svc webhook list
    """
    with opened(data) as backends:
        rows = backends.storage.sources.all()
    at_ms = now_ms()
    echo_rows(
        [
            _COLUMNS,
            *(
                [
                    *(row.name, row.kind, moment(row.created_at_ms)),
                    str(len(row.valid_secrets(at_ms))),
                    *(_yes(row.mapping is not None), _yes(row.browser)),
                    _yes(row.test_mode),
                ]
                for row in rows
            ),
        ]
    )


@webhook.command()
@click.argument("name")
@data_option
@option("secret", metavar="TEXT", help=_OWN_HELP)
@option(
    "keep",
    metavar="TIME",
    default="1d",
    help="How long the former secrets stay good, as 7d (days), 12h (hours) or 30m "
    "(minutes).",
)
def rotate(name: str, data: str, secret: str | None, keep: str) -> None:
    """Make another secret of a source, and print it, once.

    Example: bandit-svc webhook rotate orders --keep 7d
    """
    if (keep_ms := span_ms(keep)) is None:
        raise click.BadParameter(
            f"{keep[:40]!r} is no time; write 7d, 12h or 30m", param_hint="--keep"
        )
    with opened(data) as backends:
        issued = rotate_secret(
            backends.storage.sources,
            name,
            secrets.token_bytes(ENTROPY_BYTES),
            now_ms(),
            keep_ms,
            secret,
        )
    _echo_secret(issued)


@webhook.command()
@click.argument("name")
@data_option
def remove(name: str, data: str) -> None:
    """Remove a source; a running service refuses its deliveries at once.

    Example: bandit-svc webhook remove orders
    """
    with opened(data) as backends:
        backends.storage.sources.remove(name)
    click.echo(f"Removed {name}.")


def _echo_secret(issued: IssuedSecret) -> None:
    what = "write key" if issued.row.kind == "segment" else "secret"
    click.echo(
        f"Keep this {what} of {issued.row.name} now; it is not shown again.", err=True
    )
    click.echo(issued.text)


def _yes(is_so: bool) -> str:  # noqa: FBT001 - takes no name
    return "yes" if is_so else "no"
