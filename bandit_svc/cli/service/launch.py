"""Preparation of the service's processes.

Owns the check of the data folder, the environment that children inherit, the
folder of their metrics and the choice of a port. Starts nothing.
"""

import contextlib
import errno
import os
import secrets
import socket
import sys
import time
from contextlib import closing
from pathlib import Path

import msgspec

from bandit_svc.cli.service.private_folder import make_private
from bandit_svc.clock import now_ms
from bandit_svc.domain.events.decision_id import SECRET_BYTES
from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.stream.address import FILES
from bandit_svc.eventlog.stream.outbox import Outbox
from bandit_svc.services.people.pseudonyms import KEY_BYTES
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends, make_stream

WEB = (
    sys.executable,
    *("-m", "gunicorn", "--config", "python:bandit_svc.server.gunicorn_conf"),
    "bandit_svc.server.asgi:application",
)
LEARNER = (sys.executable, "-m", "bandit_svc.learner")
SHIPPER = (sys.executable, "-m", "bandit_svc.shipper")
METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# The learner ends when its parent is not this one any more.
SUPERVISOR_VARIABLE = "BANDIT_SUPERVISOR_PID"
# The memory of a model that was swapped out goes back to the system. Left to itself
# glibc would take the next model's from its heap, where it is never given back, and a
# worker of many models would grow to twice the size.
MALLOC_VARIABLE, MALLOC_BYTES = "MALLOC_MMAP_THRESHOLD_", str(2**20)
PORT_WAIT_S = 3.0


def prepare(settings: Settings) -> None:
    """Bring the store to this version; with `--dev`, make a new one.

    Raises:
        Unavailable: there is no store and `--dev` is not given, or a newer version
            wrote it; or it follows the event log of another machine.
        NewerFormat: a newer version wrote the log.
    """
    with closing(Backends(settings)) as backends:
        if settings.dev or backends.folder.exists():
            make_private(backends.folder)
        backends.reader.check_formats()
        make_stream(settings)
        if settings.dev:
            backends.storage.migrate()
            backends.storage.initialise(
                secrets.token_bytes(SECRET_BYTES),
                now_ms(),
                secrets.token_bytes(KEY_BYTES),
            )
        else:
            backends.storage.secret()
            backends.storage.migrate()
            backends.storage.pseudonym_key()
        _check_log(backends)


def _check_log(backends: Backends) -> None:
    """Require that a learner of the store reads this folder's event log."""
    settings, storage = backends.settings, backends.storage
    if settings.stream != FILES or not storage.is_on_server:
        return
    node = Outbox(backends.folder).node(settings.node)
    owner = storage.log_of(node)
    if owner != node:
        raise Unavailable(
            f"the store follows the event log of another data folder (node {owner}), "
            f"and {backends.folder} is node {node}: what is logged here would never be "
            "learned. Web and learner of one machine share a data folder; several "
            "machines need a stream, BANDIT_STREAM"
        )


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the environment of the service's processes, metrics folder included."""
    absolute = msgspec.structs.replace(
        settings, data=str(Path(settings.data).resolve())
    )
    metrics = Path(absolute.data) / "metrics"
    _forget_dead_processes(metrics)
    environment = {**os.environ, **absolute.environment()}
    environment[METRICS_VARIABLE] = str(metrics)
    environment.setdefault(MALLOC_VARIABLE, MALLOC_BYTES)
    environment.pop(SUPERVISOR_VARIABLE, None)
    return environment


def with_free_port(settings: Settings) -> Settings:
    """Check that the port can be bound; choose a free one where it is 0.

    Waits a while for a taken port: a service that was killed a moment ago still
    finishes its last requests.

    Raises:
        Unavailable: another process listens there, or the address is not ours.
    """
    deadline_s = time.monotonic() + PORT_WAIT_S
    while True:
        try:
            port = _bind(settings.host, settings.port)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            if taken and time.monotonic() < deadline_s:
                time.sleep(0.1)
                continue
            raise Unavailable(
                f"can't listen on {settings.host}, port {settings.port}: "
                f"{error.strerror}. Stop what listens there, or choose with --host "
                "and --port (0 takes a free port)."
            ) from error
        return msgspec.structs.replace(settings, port=port)


def check_admin_port(settings: Settings) -> None:
    """Check that the second address can be bound, where there is one.

    Raises:
        Unavailable: another process listens there, or the address is not ours.
    """
    if not settings.admin_port:
        return
    try:
        _bind(settings.admin_host, settings.admin_port)
    except OSError as error:
        raise Unavailable(
            f"can't listen on {settings.admin_host}, port {settings.admin_port}: "
            f"{error.strerror}. Stop what listens there, or choose with --admin-host "
            "and --admin-port."
        ) from error


def _bind(host: str, port: int) -> int:
    """Bind and let go; give the port, which is another one where it was 0."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as probe:
        # As the web server does, so that closed connections of the last run don't
        # stand in the way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        return int(probe.getsockname()[1])


def address_of(settings: Settings) -> str:
    """Return the address that a caller on this machine uses."""
    return _address(settings.host, settings.port)


def admin_address_of(settings: Settings) -> str:
    """Return the address of metrics, pages and docs."""
    if not settings.admin_port:
        return address_of(settings)
    return _address(settings.admin_host, settings.admin_port)


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def answers(settings: Settings) -> bool:
    """Return whether something listens at the address now."""
    # Connecting to the wildcard address reaches this machine.
    with contextlib.suppress(OSError):
        socket.create_connection((settings.host, settings.port), timeout=1).close()
        return True
    return False


def _forget_dead_processes(metrics: Path) -> None:
    """Delete the metrics of processes of the past, so that counts start anew.

    The files of the living stay: another service may run on the same folder.
    """
    metrics.mkdir(parents=True, exist_ok=True, mode=0o700)
    for file in metrics.glob("*.db"):
        pid = file.stem.rpartition("_")[2]
        if not (pid.isdigit() and _is_alive(int(pid))):
            file.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
