"""The worker class of gunicorn: a loop whose connections answer hot requests at once.

Owns the life of a worker process: its listening sockets, its heartbeat and its end.
"""

import asyncio
import contextlib
import os
from functools import partial

from gunicorn.workers.gasgi import ASGIWorker

from bandit_svc.server.protocol import HotProtocol, use_c_parser

HEARTBEAT_S = 1.0


class HotWorker(ASGIWorker):  # type: ignore[misc] # gunicorn has no types
    """A worker process."""

    async def _serve(self) -> None:
        use_c_parser()
        self._told_to_stop = asyncio.Event()
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

    def handle_exit_signal(self) -> None:
        """Drain: SIGTERM."""
        super().handle_exit_signal()
        self._told_to_stop.set()

    def handle_quit_signal(self) -> None:
        """End at once: SIGINT and SIGQUIT."""
        super().handle_quit_signal()
        self._told_to_stop.set()
