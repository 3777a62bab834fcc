"""The service's own gunicorn settings, for the contestants: the same flags for all."""

from bandit_svc.server.gunicorn_conf import (
    accesslog,
    bind,
    control_socket_disable,
    graceful_timeout,
    keepalive,
    loglevel,
    threads,
    timeout,
    worker_class,
    worker_tmp_dir,
    workers,
)

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
