"""The worker class of gunicorn: a loop whose connections answer hot requests at once.

Owns the life of a worker process: its listening sockets, its heartbeat and its end.
"""

import asyncio
import contextlib
import os
import signal
from functools import partial
from types import FrameType
from typing import Any

from gunicorn.workers.gasgi import ASGIWorker

from bandit_svc.descriptors import most_connections
from bandit_svc.server.deadlines import Patience, Shedding
from bandit_svc.server.protocol import HotProtocol, use_c_parser

HEARTBEAT_S = 1.0
QUIET_S = 0.5
"""When it stops, a worker waits so long for the next request of an idle connection."""
_LOOK_EVERY_S = 0.05


class HotWorker(ASGIWorker):  # type: ignore[misc] # gunicorn has no types
    """A worker process."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - gunicorn's own
        super().__init__(*arguments, **named)
        self.connections: set[HotProtocol] = set()
        self.shedding = Shedding()

    def load_wsgi(self) -> None:
        """Load the application, and take its settings."""
        super().load_wsgi()
        settings = self.asgi.settings
        self.patience = Patience.of(settings)
        self.most_connections = most_connections(settings)

    def init_signals(self) -> None:
        """Notice signals also while the application is loaded.

        A loop of uvloop loses what comes before it runs, and gunicorn would wait for
        its whole patience before it kills the worker.
        """
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, self._stop_loading)

    def _stop_loading(self, _number: int, _frame: FrameType | None) -> None:
        self.alive = False

    async def _serve(self) -> None:
        use_c_parser()
        self._told_to_stop = asyncio.Event()
        super().init_signals()
        for listener in self.sockets:
            # Gunicorn has chosen the backlog; asyncio would set its own.
            server = await self.loop.create_server(
                partial(HotProtocol, self),
                sock=listener.sock,
                ssl=self._get_ssl_context(),
                backlog=self.cfg.backlog,
            )
            self.servers.append(server)
        while self.alive and self.ppid == os.getppid():
            self.notify()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told_to_stop.wait(), HEARTBEAT_S)
        await self._shutdown()

    async def _shutdown(self) -> None:
        """Take no more connections, answer what was asked, close those that are idle.

        An answer from now on tells its client to connect anew. A client that was just
        answered may be about to ask again, so idle ones are closed after a pause.
        """
        for server in self.servers:
            server.close()
        deadline_s = self.loop.time() + self.cfg.graceful_timeout
        while self.nr_conns and not self._quick_shutdown:
            if self.loop.time() > deadline_s:
                self.log.warning("Forcing close of %d connections", self.nr_conns)
                break
            for connection in list(self.connections):
                connection.end_if_quiet(QUIET_S)
            await asyncio.sleep(_LOOK_EVERY_S)

    def handle_exit_signal(self) -> None:
        """Drain: SIGTERM."""
        super().handle_exit_signal()
        self._told_to_stop.set()

    def handle_quit_signal(self) -> None:
        """End at once: SIGINT and SIGQUIT."""
        super().handle_quit_signal()
        self._told_to_stop.set()
