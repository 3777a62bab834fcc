"""Damages to the bytes of one file: what disks, memory and editors do.

Owns kinds that fit a segment, a manifest and a live counter alike.
"""

from collections.abc import Callable
from pathlib import Path

from benchmarks.damage.log_files import Inapplicable, LogFiles, edit, spans

FileKind = Callable[[LogFiles, Path], None]

SECTOR = 512
PAGE = 4_096
_TORN = 60


def flip_a_bit(files: LogFiles, path: Path) -> None:
    """Change one bit."""

    def change(content: bytearray) -> None:
        content[files.place(content)] ^= 1 << files.random.randrange(8)

    edit(path, change)


def change_a_byte(files: LogFiles, path: Path) -> None:
    """Change one byte to any other."""

    def change(content: bytearray) -> None:
        place = files.place(content)
        content[place] = (content[place] + files.random.randrange(1, 256)) & 255

    edit(path, change)


def overwrite_bytes(files: LogFiles, path: Path) -> None:
    """Replace a stretch by random bytes."""

    def change(content: bytearray) -> None:
        begin = files.place(content)
        end = min(len(content), begin + files.random.randrange(2, 300))
        content[begin:end] = files.random.randbytes(end - begin)

    edit(path, change)


def insert_bytes(files: LogFiles, path: Path) -> None:
    """Push the rest of the file back by a few random bytes."""

    def change(content: bytearray) -> None:
        begin = files.place(content)
        content[begin:begin] = files.random.randbytes(files.random.randrange(1, 40))

    edit(path, change)


def remove_bytes(files: LogFiles, path: Path) -> None:
    """Take a stretch out, so that the rest moves forward."""

    def change(content: bytearray) -> None:
        begin = files.place(content)
        del content[begin : begin + files.random.randrange(1, 300)]

    edit(path, change)


def cut(files: LogFiles, path: Path) -> None:
    """Cut the file anywhere."""

    def change(content: bytearray) -> None:
        del content[files.place(content) :]

    edit(path, change)


def tear_the_tail(files: LogFiles, path: Path) -> None:
    """Cut the last few bytes off."""

    def change(content: bytearray) -> None:
        del content[-files.random.randrange(1, _TORN) :]

    edit(path, change)


def empty(_files: LogFiles, path: Path) -> None:
    """Leave a file of no bytes."""
    edit(path, bytearray.clear)


def cut_between_frames(files: LogFiles, path: Path) -> None:
    """Restore an older copy of an append-only file: a cut where a frame ends."""

    def change(content: bytearray) -> None:
        ends = spans(bytes(content))[:-1]
        if not ends:
            raise Inapplicable
        del content[files.random.choice(ends).stop :]

    edit(path, change)


def append_bytes(files: LogFiles, path: Path) -> None:
    """Append a few random bytes."""

    def change(content: bytearray) -> None:
        content += files.random.randbytes(files.random.randrange(1, 50))

    edit(path, change)


def _zero(files: LogFiles, path: Path, size: int) -> None:
    def change(content: bytearray) -> None:
        begin = files.place(content) // size * size
        content[begin : begin + size] = bytes(len(content[begin : begin + size]))

    edit(path, change)


def zero_a_sector(files: LogFiles, path: Path) -> None:
    """Zero 512 bytes, aligned."""
    _zero(files, path, SECTOR)


def zero_a_page(files: LogFiles, path: Path) -> None:
    """Zero 4,096 bytes, aligned."""
    _zero(files, path, PAGE)


def delete(_files: LogFiles, path: Path) -> None:
    """Delete the file."""
    path.unlink()


ANY_FILE: tuple[FileKind, ...] = (
    flip_a_bit,
    change_a_byte,
    overwrite_bytes,
    insert_bytes,
    remove_bytes,
    cut,
    tear_the_tail,
    empty,
    append_bytes,
    zero_a_sector,
    zero_a_page,
    delete,
)
