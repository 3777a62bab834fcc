"""Progress of long work on a terminal.

Owns the choice between a terminal, which gets a moving display, and anything
else, which gets plain lines. Always on stderr, so that results can be piped.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, TimeRemainingColumn

LINE_EVERY_S = 5.0


@contextmanager
def counting(what: str, total: int) -> Iterator[Callable[[int, str], None]]:
    """Show how far work has come.

    Yields:
        A call that takes how much is done and a few words beside it.
    """
    console = Console(stderr=True)
    if console.is_terminal:
        bar = Progress(
            *Progress.get_default_columns()[:-1],
            TimeRemainingColumn(),
            "{task.fields[words]}",
            console=console,
        )
        task = bar.add_task(what, total=total, words="")
        with bar:
            yield lambda done, words: bar.update(task, completed=done, words=words)
        return
    due_s = 0.0

    def line(done: int, words: str) -> None:
        nonlocal due_s
        now_s = time.monotonic()
        if now_s >= due_s or done >= total:
            due_s = now_s + LINE_EVERY_S
            console.print(
                f"{what}: {done}/{total} {words}", highlight=False, soft_wrap=True
            )

    yield line
