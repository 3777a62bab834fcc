"""Damages to the event log: to segments, manifests, live counters and folders.

Owns the registry of kinds, each by its name.
"""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.damage.byte_kinds import (
    ANY_FILE,
    PAGE,
    SECTOR,
    FileKind,
    cut_between_frames,
)
from benchmarks.damage.log_files import Inapplicable, Kind, LogFiles, edit, spans


def _pages(content: bytes | bytearray, size: int) -> list[slice]:
    return [slice(at, at + size) for at in range(0, len(content), size)]


def _two_pages(files: LogFiles, size: int, *, swap: bool) -> None:
    """Copy a page of one segment over a page of any, or swap the two."""
    one, two = files.segment(), files.segment()
    contents = {path: bytearray(path.read_bytes()) for path in (one, two)}
    if not all(contents.values()):
        raise Inapplicable
    here = files.random.choice(_pages(contents[one], size))
    there = files.random.choice(_pages(contents[two], size))
    if one == two and here == there:
        raise Inapplicable
    first, second = bytes(contents[one][here]), bytes(contents[two][there])
    # The last page of a file may be short.
    length = min(len(first), len(second))
    contents[two][there.start : there.start + length] = first[:length]
    if swap:
        contents[one][here.start : here.start + length] = second[:length]
    for path, content in contents.items():
        path.write_bytes(content)


def swap_sectors(files: LogFiles) -> None:
    """Swap 512 bytes of any two segments."""
    _two_pages(files, SECTOR, swap=True)


def double_a_sector(files: LogFiles) -> None:
    """Write 512 bytes of a segment to another place."""
    _two_pages(files, SECTOR, swap=False)


def swap_pages(files: LogFiles) -> None:
    """Swap 4,096 bytes of any two segments."""
    _two_pages(files, PAGE, swap=True)


def double_a_page(files: LogFiles) -> None:
    """Write 4,096 bytes of a segment to another place."""
    _two_pages(files, PAGE, swap=False)


def _frames(files: LogFiles) -> tuple[Path, list[bytes]]:
    path = files.segment()
    content = path.read_bytes()
    found = [content[span] for span in spans(content)]
    if len(found) < 3:
        raise Inapplicable
    return path, found


def drop_records(files: LogFiles) -> None:
    """Take one to three frames out."""
    path, frames = _frames(files)
    at = files.random.randrange(len(frames))
    del frames[at : at + files.random.randrange(1, 4)]
    path.write_bytes(b"".join(frames))


def repeat_a_record(files: LogFiles) -> None:
    """Write a frame twice."""
    path, frames = _frames(files)
    at = files.random.randrange(len(frames))
    frames.insert(at, frames[at])
    path.write_bytes(b"".join(frames))


def swap_records(files: LogFiles) -> None:
    """Swap two frames."""
    path, frames = _frames(files)
    one, two = files.random.sample(range(len(frames)), 2)
    frames[one], frames[two] = frames[two], frames[one]
    path.write_bytes(b"".join(frames))


def bring_a_foreign_record(files: LogFiles) -> None:
    """Insert a whole frame of another segment."""
    path, frames = _frames(files)
    other, foreign = _frames(files)
    if other == path:
        raise Inapplicable
    at = files.random.randrange(1, len(frames) + 1)
    frames.insert(at, files.random.choice(foreign))
    path.write_bytes(b"".join(frames))


def exchange_a_record(files: LogFiles) -> None:
    """Put a whole frame of another segment in the place of one."""
    path, frames = _frames(files)
    other, foreign = _frames(files)
    if other == path:
        raise Inapplicable
    frames[files.random.randrange(len(frames))] = files.random.choice(foreign)
    path.write_bytes(b"".join(frames))


def swap_segments(files: LogFiles) -> None:
    """Swap the contents of any two segments."""
    one, two = files.two(files.segments())
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)


def copy_a_segment_over_another(files: LogFiles) -> None:
    """Let two segments have one content."""
    one, two = files.two(files.segments())
    two.write_bytes(one.read_bytes())


def append_a_segment(files: LogFiles) -> None:
    """Append a whole segment to another."""
    one, two = files.two(files.segments())
    content = one.read_bytes()
    edit(two, lambda bytes_: bytes_.extend(content))


def add_a_segment(files: LogFiles) -> None:
    """Copy a segment to a number that there is not, of any partition."""
    content = files.segment().read_bytes()
    folder = files.one(files.partitions())
    newest = max((int(p.stem) for p in folder.glob("*.seg")), default=0)
    number = newest + files.random.randrange(1, 4)
    (folder / f"{number:08d}.seg").write_bytes(content)


def rename_a_segment(files: LogFiles) -> None:
    """Rename a segment to another number."""
    path = files.segment()
    number = int(path.stem) + files.random.choice([-1, 1, 2, 7])
    target = path.with_name(f"{max(number, 0):08d}.seg")
    if target.exists():
        raise Inapplicable
    path.rename(target)


def delete_the_newest_segments(files: LogFiles) -> None:
    """Delete the last one to three segments of a partition."""
    folder = files.one([p for p in files.partitions() if list(p.glob("*.seg"))])
    for path in sorted(folder.glob("*.seg"))[-files.random.randrange(1, 4) :]:
        path.unlink()


def delete_a_partition(files: LogFiles) -> None:
    """Delete a partition's folder with all its segments."""
    shutil.rmtree(files.one(files.partitions()))


def delete_all_partitions(files: LogFiles) -> None:
    """Delete every folder of segments."""
    if not files.partitions():
        raise Inapplicable
    for folder in files.partitions():
        shutil.rmtree(folder)


def swap_partitions(files: LogFiles) -> None:
    """Swap the names of two folders of segments."""
    one, two = files.two(files.partitions())
    aside = files.log / ".aside"
    one.rename(aside)
    two.rename(one)
    aside.rename(two)


def rename_a_partition(files: LogFiles) -> None:
    """Rename a folder of segments to a name that no manifest has."""
    folder = files.one(files.partitions())
    folder.rename(folder.with_name(f"{folder.name}-2"))


def delete_the_manifests(files: LogFiles) -> None:
    """Delete the manifests and live counters of all partitions."""
    if not (files.log / "manifests").exists():
        raise Inapplicable
    shutil.rmtree(files.log / "manifests")


def delete_both_witnesses(files: LogFiles) -> None:
    """Delete manifest and live counter of one partition."""
    manifest = files.manifest()
    manifest.unlink()
    manifest.with_suffix(".live").unlink(missing_ok=True)


def swap_manifests(files: LogFiles) -> None:
    """Swap the manifests of two partitions."""
    _swap(files, "*.manifest")


def swap_counters(files: LogFiles) -> None:
    """Swap the live counters of two partitions."""
    _swap(files, "*.live")


def _swap(files: LogFiles, pattern: str) -> None:
    one, two = files.two(sorted((files.log / "manifests").glob(pattern)))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)


def restore_an_older_counter(files: LogFiles) -> None:
    """Put the live counter back to what it was at an earlier moment."""
    path = files.counter()
    older = files.earlier / "log/manifests" / path.name
    if not older.exists():
        raise Inapplicable
    path.write_bytes(older.read_bytes())


def restore_an_older_manifest(files: LogFiles) -> None:
    """Put a manifest back to what it was at an earlier moment."""
    path = files.manifest()
    older = files.earlier / "log/manifests" / path.name
    if not older.exists():
        raise Inapplicable
    path.write_bytes(older.read_bytes())


def restore_older_segments(files: LogFiles) -> None:
    """Put a partition's segments back to an earlier moment, without its witnesses."""
    older = files.one(sorted((files.earlier / "log").glob("w*")))
    folder = files.log / older.name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(older, folder)


def cut_and_harm_a_witness(files: LogFiles) -> None:
    """Do two damages at once: cut a segment, and delete one of its witnesses."""
    path = files.segment()
    witness = files.log / "manifests" / f"{path.parent.name}.manifest"
    if files.random.random() < 0.5:
        witness = witness.with_suffix(".live")
    if not witness.exists():
        raise Inapplicable
    cut_between_frames(files, path)
    witness.unlink()


def cut_a_segment_between_frames(files: LogFiles) -> None:
    """Restore an older copy of a segment."""
    cut_between_frames(files, files.segment())


def cut_a_manifest_between_frames(files: LogFiles) -> None:
    """Restore an older copy of a manifest."""
    cut_between_frames(files, files.manifest())


def _of(
    name: str, chosen: Callable[[LogFiles], Path], kinds: Iterable[FileKind]
) -> dict[str, Kind]:
    """Return the kinds that fit any file, for one sort of file."""

    def of(kind: FileKind) -> Kind:
        return lambda files: kind(files, chosen(files))

    return {f"{k.__name__.replace('_', ' ')}: {name}": of(k) for k in kinds}


_OTHERS: tuple[Kind, ...] = (
    cut_a_segment_between_frames,
    cut_a_manifest_between_frames,
    swap_sectors,
    double_a_sector,
    swap_pages,
    double_a_page,
    drop_records,
    repeat_a_record,
    swap_records,
    bring_a_foreign_record,
    exchange_a_record,
    swap_segments,
    copy_a_segment_over_another,
    append_a_segment,
    add_a_segment,
    rename_a_segment,
    delete_the_newest_segments,
    delete_a_partition,
    delete_all_partitions,
    swap_partitions,
    rename_a_partition,
    delete_the_manifests,
    delete_both_witnesses,
    swap_manifests,
    swap_counters,
    restore_an_older_counter,
    restore_an_older_manifest,
    restore_older_segments,
    cut_and_harm_a_witness,
)

LOG_KINDS: dict[str, Kind] = (
    _of("segment", LogFiles.segment, ANY_FILE)
    | _of("manifest", LogFiles.manifest, ANY_FILE)
    | _of("live counter", LogFiles.counter, ANY_FILE)
    | {kind.__name__.replace("_", " "): kind for kind in _OTHERS}
)
"""Every kind of damage to a log of format 2, by its name."""
