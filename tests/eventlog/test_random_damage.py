"""Damage of every kind, by the real writer and reader: found, and counted in facts.

312 damages, seeded: 13 of each of 12 kinds, to a closed log and to that of a killed
writer, each to one file of a dead writer's
partition of four segments. Found means that the reader names it; no record may come
back changed, and the facts that it says are lost are those that did not come back.
"""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bandit_svc.domain.events.damage import Damage
from bandit_svc.domain.events.record import DECISION, Part, Record, part_of
from bandit_svc.eventlog.files.frames import parse_frame
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.files.segments import list_segments, segment_name
from bandit_svc.eventlog.files.writer import FileWriter
from bandit_svc.eventlog.interface import START

REPETITIONS = 13
RECORDS = 150
SEGMENT_BYTES = 8_000
PAGE = 512

Harm = Callable[[random.Random, list[Path]], None]


def edit(path: Path, change: Callable[[bytearray], None]) -> None:
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)


def flip(generator: random.Random, segments: list[Path]) -> None:
    def change(content: bytearray) -> None:
        content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)

    edit(generator.choice(segments), change)


def byte(generator: random.Random, segments: list[Path]) -> None:
    def change(content: bytearray) -> None:
        place = generator.randrange(len(content))
        content[place] = content[place] + generator.randrange(1, 256) & 255

    edit(generator.choice(segments), change)


def cut(generator: random.Random, segments: list[Path]) -> None:
    def change(content: bytearray) -> None:
        del content[generator.randrange(len(content)) :]

    edit(generator.choice(segments), change)


def torn_tail(generator: random.Random, segments: list[Path]) -> None:
    def change(content: bytearray) -> None:
        del content[-generator.randrange(1, 60) :]

    edit(generator.choice(segments), change)


def zero_a_page(generator: random.Random, segments: list[Path]) -> None:
    def change(content: bytearray) -> None:
        place = generator.randrange(len(content)) // PAGE * PAGE
        content[place : place + PAGE] = bytes(len(content[place : place + PAGE]))

    edit(generator.choice(segments), change)


def swap_pages(generator: random.Random, segments: list[Path]) -> None:
    def change(content: bytearray) -> None:
        pages = [slice(i, i + PAGE) for i in range(0, len(content) - PAGE, PAGE)]
        one, two = generator.sample(pages, 2)
        content[one], content[two] = content[two], content[one]

    edit(generator.choice(segments), change)


def delete(generator: random.Random, segments: list[Path]) -> None:
    generator.choice(segments).unlink()


def spans(content: bytes) -> list[slice]:
    found, at = [], 0
    while at < len(content):
        frame = parse_frame(content, at)
        assert frame is not None
        found.append(slice(at, frame.end))
        at = frame.end
    return found


def drop_a_frame(generator: random.Random, segments: list[Path]) -> None:
    def change(content: bytearray) -> None:
        del content[generator.choice(spans(bytes(content)))]

    edit(generator.choice(segments), change)


def repeat_a_frame(generator: random.Random, segments: list[Path]) -> None:
    def change(content: bytearray) -> None:
        span = generator.choice(spans(bytes(content)))
        content[span.stop : span.stop] = content[span]

    edit(generator.choice(segments), change)


def swap_segments(generator: random.Random, segments: list[Path]) -> None:
    one, two = generator.sample(segments, 2)
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)


def append(generator: random.Random, segments: list[Path]) -> None:
    with generator.choice(segments).open("ab") as file:
        file.write(generator.randbytes(generator.randrange(1, 50)))


def restore_an_older_copy(generator: random.Random, segments: list[Path]) -> None:
    def change(content: bytearray) -> None:
        del content[generator.choice(spans(bytes(content))[:-1]).stop :]

    edit(generator.choice(segments), change)


KINDS: tuple[Harm, ...] = (
    flip,
    byte,
    cut,
    torn_tail,
    zero_a_page,
    swap_pages,
    delete,
    drop_a_frame,
    repeat_a_frame,
    swap_segments,
    append,
    restore_an_older_copy,
)


def write(root: Path, generator: random.Random, *, closed: bool) -> list[bytes]:
    """Write a partition; without `closed` its writer dies with an open segment."""
    writer = FileWriter(
        root,
        now_ms=1,
        suffix="ab",
        fsync="never",
        fsync_interval_ms=100,
        max_segment_bytes=SEGMENT_BYTES,
    )
    part: Part = part_of(b"shared by all")
    payloads = [
        generator.randbytes(generator.randrange(40, 300)) for _ in range(RECORDS)
    ]
    for payload in payloads:
        writer.append(Record(DECISION, payload, (part,)))
    if closed:
        writer.close()
    else:
        writer._abandon_in_child()  # noqa: SLF001 (what a dead process leaves)
    return payloads


def read_all(root: Path) -> tuple[list[bytes], list[Damage], int, dict[bytes, bytes]]:
    reader = FileReader(root)
    (partition,) = reader.partitions()
    records: list[bytes] = []
    damages: list[Damage] = []
    torn, cursor = 0, START
    parts: dict[bytes, bytes] = {}
    while cursor < reader.end(partition):
        batch = reader.read(partition, cursor, 3_000)
        assert batch.cursor > cursor
        records += [record.payload for record in batch.records]
        damages += batch.damages
        parts |= batch.parts
        torn += batch.torn
        cursor = batch.cursor
    assert reader.release(partition, cursor)
    return records, damages, torn, parts


@pytest.fixture(scope="module", params=[True, False], ids=["closed", "killed"])
def written(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[bytes]]:
    root = tmp_path_factory.mktemp("whole") / "log"
    generator = random.Random(1)  # noqa: S311 (sizes, not secrets)
    return root, write(root, generator, closed=request.param)


def test_an_undamaged_log_names_no_damage(
    written: tuple[Path, list[bytes]], tmp_path: Path
) -> None:
    whole, payloads = written
    shutil.copytree(whole, tmp_path / "log")
    part = part_of(b"shared by all")

    assert read_all(tmp_path / "log") == (payloads, [], 0, {part.key: part.body})


@pytest.mark.parametrize("harm", KINDS, ids=lambda harm: harm.__name__)
def test_random_damage_is_found_and_its_facts_are_counted(
    written: tuple[Path, list[bytes]], tmp_path: Path, harm: Harm
) -> None:
    whole, payloads = written
    place = {payload: i for i, payload in enumerate(payloads)}
    for seed in range(REPETITIONS):
        generator = random.Random(seed)  # noqa: S311 (places, not secrets)
        root = tmp_path / str(seed)
        shutil.copytree(whole, root)
        (folder,) = (p for p in root.iterdir() if p.name != "manifests")
        segments = [folder / segment_name(n) for n in list_segments(folder)]
        before = [path.read_bytes() for path in segments]
        harm(generator, segments)
        after = [path.read_bytes() if path.exists() else None for path in segments]
        records, damages, torn, parts = read_all(root)
        lost = len(payloads) - len(records)

        # A damage may leave the bytes as they were, such as two equal pages swapped.
        assert damages or torn or after == before, seed
        assert [place[r] for r in records] == sorted({place[r] for r in records}), seed
        assert sum(damage.facts for damage in damages) == lost, seed
        assert not any(damage.at_least for damage in damages), seed
        assert part_of(b"shared by all").key in parts
