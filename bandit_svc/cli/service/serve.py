"""`bandit-svc serve`, `web` and `learner`: run the service.

Owns which processes make a service. Supervision is in supervisor.py, what comes
before it in launch.py.
"""

import os
from pathlib import Path

import click

from bandit_svc import logs, metrics
from bandit_svc.cli.options import setting_options, settings_of
from bandit_svc.cli.service import launch
from bandit_svc.cli.service.supervisor import Child, supervise
from bandit_svc.descriptors import check_descriptors
from bandit_svc.eventlog.stream.address import FILES
from bandit_svc.eventlog.stream.outbox import Outbox
from bandit_svc.settings import SETTINGS, Settings

_WEB_SETTINGS = (
    "data",
    "store",
    "stream",
    "ack",
    "node",
    "host",
    "port",
    "admin_host",
    "admin_port",
    "trusted_proxies",
    "workers",
    "threads",
    "connections",
    "rate_limit",
    "head_timeout_s",
    "body_timeout_s",
    "idle_timeout_s",
    "dev",
    "fsync",
    "fsync_interval_ms",
    "segment_bytes",
    "model_poll_ms",
    "log_level",
    "log_lines",
    "access_log_every",
    "slow_request_ms",
)
_LEARNER_SETTINGS = (
    *(
        "data",
        "store",
        "stream",
        "scorers",
        "learner_tick_ms",
        "learner_nice",
        "learner_host",
        "learner_port",
        "publish_every_ms",
        "log_level",
        "log_lines",
    ),
)

SHIPPER_SILENT_S = 30.0
"""Without a sign of life for so long, the process that feeds the stream is killed."""


@click.command()
@setting_options(*(setting.name for setting in SETTINGS))
def serve(**given: object) -> None:
    """Run the web workers and the learner together, until SIGTERM or Ctrl-C.

    A process that dies is started again, and so is a learner that hangs. Port 0 takes
    a free port.

    Example: bandit-svc serve --data ./data --port 8000 --workers 2
    """
    settings = launch.with_free_port(settings_of(**given))
    launch.check_admin_port(settings)
    logs.configure(settings.log_level, "serve", settings.log_lines)
    check_descriptors(settings)
    launch.prepare(settings)
    environment = launch.environment_of(settings)
    environment[launch.SUPERVISOR_VARIABLE] = str(os.getpid())
    # Where metrics.forget_process looks; this process itself has no metrics.
    os.environ[launch.METRICS_VARIABLE] = environment[launch.METRICS_VARIABLE]
    children = (
        *_web_children(settings),
        Child(
            "learner",
            launch.LEARNER,
            silent_s=settings.learner_silent_s,
            on_death=metrics.forget_process,
        ),
    )
    supervise(children, environment, lambda: _announce(settings))
    click.echo("Stopped.")


@click.command()
@setting_options(*_WEB_SETTINGS)
def web(**given: object) -> None:
    """Run the web workers alone; they need no learner to decide and to log.

    Example: bandit-svc web --data ./data --port 8000
    """
    settings = launch.with_free_port(settings_of(**given))
    launch.check_admin_port(settings)
    check_descriptors(settings)
    launch.prepare(settings)
    click.echo(f"Starting on {launch.address_of(settings)}")
    if settings.stream == FILES:
        _become(launch.WEB, settings)
    logs.configure(settings.log_level, "web", settings.log_lines)
    environment = launch.environment_of(settings)
    os.environ[launch.METRICS_VARIABLE] = environment[launch.METRICS_VARIABLE]
    supervise(_web_children(settings), environment)


@click.command()
@setting_options(*_LEARNER_SETTINGS)
def learner(**given: object) -> None:
    """Run the learner alone; a second one waits until the first is gone.

    Example: bandit-svc learner --data ./data
    """
    settings = settings_of(**given)
    launch.prepare(settings)
    _become(launch.LEARNER, settings)


def _web_children(settings: Settings) -> list[Child]:
    """Return the web workers and, with a stream, the process that feeds it.

    The workers accept requests when every partition of the stream knows of this node,
    which learners of the stream then wait for.
    """
    if settings.stream == FILES:
        return [Child("web", launch.WEB, vital=True, on_death=metrics.forget_process)]
    outbox = Outbox(Path(settings.data).resolve())
    outbox.begin()
    return [
        Child(
            "shipper",
            launch.SHIPPER,
            silent_s=SHIPPER_SILENT_S,
            on_death=metrics.forget_process,
        ),
        Child(
            "web",
            launch.WEB,
            vital=True,
            on_death=metrics.forget_process,
            may_start=outbox.is_announced,
        ),
    ]


def _announce(settings: Settings) -> bool:
    """Print the address as soon as something listens there."""
    if not launch.answers(settings):
        return False
    click.echo(
        f"Listening on {launch.address_of(settings)} (data in {settings.data}, "
        f"{settings.workers} web workers). Ctrl-C stops."
    )
    if settings.admin_port:
        click.echo(f"Metrics, pages and docs: {launch.admin_address_of(settings)}")
    return True


def _become(command: tuple[str, ...], settings: Settings) -> None:
    """Replace this process by one of the service's own."""
    environment = launch.environment_of(settings)
    os.execve(command[0], command, environment)  # noqa: S606 - our own command
