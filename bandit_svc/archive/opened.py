"""Files of the archive, open for reading.

Owns the import of pyarrow, which only the extra `archive` brings, and the sentence of
a file that can't be read.
"""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bandit_svc.archive.names import FileName
from bandit_svc.archive.target import ArchiveTarget
from bandit_svc.domain.events.event import UnreadableEvent
from bandit_svc.errors import Unprocessable


def parquet() -> Any:  # noqa: ANN401 - pyarrow ships no types
    """Return pyarrow's module for Parquet.

    Raises:
        Unprocessable: it is not installed.
    """
    try:
        return importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise Unprocessable(
            "the archive needs pyarrow, which is not installed; run `pip install "
            "'bandit_svc[archive]'`"
        ) from error


@contextmanager
def opened_file(target: ArchiveTarget, file: FileName) -> Iterator[Any]:
    """Yield a file as pyarrow reads it.

    Raises:
        Unprocessable: it can't be read.
    """
    with target.reading(str(file)) as opened:
        try:
            yield parquet().ParquetFile(opened)
        except (OSError, ValueError, KeyError, UnreadableEvent) as error:
            raise Unprocessable(
                f"{file} in the archive {target.shown} can't be read "
                f"({type(error).__name__}); restore it, or `bandit-svc archive "
                "--mend` writes it again as long as the store has its decisions"
            ) from error
