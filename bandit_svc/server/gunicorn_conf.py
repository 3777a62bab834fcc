"""The configuration of gunicorn for the web workers.

Owns gunicorn's settings and hooks. Nothing is loaded before the fork.
"""

import os
import signal
from typing import TYPE_CHECKING

from bandit_svc import metrics
from bandit_svc.settings import settings_from

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.base import Worker

_settings = settings_from(os.environ)


def _in_brackets(host: str) -> str:
    """Return an address as it stands before a port: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


_host = _in_brackets(_settings.host)
bind = [f"{_host}:{_settings.port}"]
if _settings.admin_port:
    bind.append(f"{_in_brackets(_settings.admin_host)}:{_settings.admin_port}")
# What a proxy tells is read by proxies.py, of those that are declared.
forwarded_allow_ips = ""
workers = _settings.workers
worker_class = "bandit_svc.server.worker.HotWorker"
http_parser = "fast"
asgi_loop = "uvloop"
preload_app = False
keepalive = _settings.idle_timeout_s
timeout = 30
graceful_timeout = 10
# Each worker that ends leaves a file in the folder of the metrics, so workers are not
# restarted after a number of requests.
max_requests = 0
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108 - gunicorn's heartbeat file
control_socket_disable = True
accesslog = None
loglevel = "warning"


def post_fork(_server: "Arbiter", _worker: "Worker") -> None:
    """Let a worker that is told to stop end at once, until it has handlers of its own.

    Those of its parent, which it has until then, would only take a note.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def child_exit(_server: "Arbiter", worker: "Worker") -> None:
    """Remove the live gauges of a worker that has died."""
    metrics.forget_process(worker.pid)


def worker_exit(_server: "Arbiter", worker: "Worker") -> None:
    """Flush the log of a worker that exits normally."""
    # A worker that could not load the application has none.
    application = getattr(worker, "asgi", None)
    if application is not None:
        application.close()
