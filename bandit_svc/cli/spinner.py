"""A spinner for work of unknown length.

Owns the twin of progress.py for work without a total: a moving display on a terminal,
elsewhere a plain line now and then. Always on stderr.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

from bandit_svc.cli.progress import LINE_EVERY_S


@contextmanager
def narrating() -> Iterator[Callable[[str], None]]:
    """Show what is being done.

    Yields:
        A call that takes a few words.
    """
    console = Console(stderr=True)
    if console.is_terminal:
        with console.status("") as status:
            yield lambda words: status.update(escape(words))
        return
    # Quick work stays silent.
    due_s = time.monotonic() + LINE_EVERY_S

    def line(words: str) -> None:
        nonlocal due_s
        if time.monotonic() >= due_s:
            due_s = time.monotonic() + LINE_EVERY_S
            console.print(words, highlight=False, soft_wrap=True, markup=False)

    yield line
