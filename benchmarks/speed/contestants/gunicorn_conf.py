"""The service's own gunicorn settings, for the contestants, in the thread worker."""

import os

from bandit_svc.server.gunicorn_conf import (
    accesslog,
    bind,
    control_socket_disable,
    graceful_timeout,
    keepalive,
    loglevel,
    timeout,
    worker_tmp_dir,
    workers,
)
from bandit_svc.settings import settings_from

worker_class = os.environ.get("CONTESTANT_WORKER", "gthread")
threads = settings_from(os.environ).threads

__all__ = [
    "accesslog",
    "bind",
    "control_socket_disable",
    "graceful_timeout",
    "keepalive",
    "loglevel",
    "threads",
    "timeout",
    "worker_class",
    "worker_tmp_dir",
    "workers",
]
