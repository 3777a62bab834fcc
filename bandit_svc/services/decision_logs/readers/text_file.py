"""Open a log as text, compressed or not.

Owns the errors between a path and its lines.
"""

import gzip
import zlib
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np

from bandit_svc.ope.arrays import IntArray
from bandit_svc.services.decision_logs.readers.rows import UnreadableLog

BLOCK_BYTES = 4_194_304


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """Open the text of a file in UTF-8; a file named *.gz is decompressed.

    Raises:
        UnreadableLog: the file can't be opened, or an error occurs while it is read.
    """
    with (
        _readable(path),
        gzip.open(path, "rt", encoding="utf-8-sig", newline="")
        if path.suffix == ".gz"
        else path.open(encoding="utf-8-sig", newline="") as text,
    ):
        yield text


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise UnreadableLog(
            f"{path} is not text in UTF-8 ({error.reason} at byte {error.start}); "
            "convert it, or pass its form with --log-format"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableLog(f"{path} can't be read: {reason}") from error


def hashes_of_lines(path: Path) -> IntArray:
    """Return a hash of each line that is not empty, in order.

    Hashes are equal for equal lines, and other ones in another process.
    """
    found = array("q")
    with (
        _readable(path),
        gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file,
    ):
        rest = b""
        while block := file.read(BLOCK_BYTES):
            whole, newline, after = block.rpartition(b"\n")
            if newline:
                found.extend(map(hash, filter(None, (rest + whole).splitlines())))
                rest = after
            else:
                rest += block
        found.extend(map(hash, filter(None, rest.splitlines())))
    return np.array(found, dtype=np.int64)


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield each line with its number, from 1, without its line end."""
    with opened(path) as text:
        for number, line in enumerate(text, 1):
            yield number, line.rstrip("\r\n")
