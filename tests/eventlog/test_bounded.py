"""The log refuses records before its disk is full, and resumes by itself."""

from pathlib import Path

import pytest

from bandit_svc.errors import InvalidInput, Unavailable
from bandit_svc.eventlog.bounded import (
    LOOK_EVERY_BYTES,
    LOOK_EVERY_S,
    BoundedLog,
    Limits,
    Room,
    measured_room,
    shortages,
)
from bandit_svc.settings import settings_from
from tests.harness.file_writers import NewFileWriter, record_of

GIB = 2**30
DISK = Room(log_bytes=0, free_bytes=50 * GIB, disk_bytes=100 * GIB)
LIMITS = Limits(most_bytes=10 * GIB, least_free_bytes=GIB)


class Place:
    """A disk and a clock that a test sets; counts how often it is looked at."""

    def __init__(self) -> None:
        self.room = DISK
        self.now_s = 100.0
        self.looks = 0
        self.broken = False

    def look(self) -> Room:
        self.looks += 1
        if self.broken:
            raise FileNotFoundError
        return self.room


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture
def log(place: Place, new_file_writer: NewFileWriter) -> BoundedLog:
    writer = new_file_writer()
    return BoundedLog(writer, LIMITS, place.look, clock_s=lambda: place.now_s)


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        (DISK, []),
        (DISK._replace(log_bytes=8 * GIB - 1), []),
        (DISK._replace(log_bytes=8 * GIB), [("log", False)]),
        (DISK._replace(log_bytes=10 * GIB), [("log", True)]),
        (DISK._replace(free_bytes=2 * GIB), []),
        (DISK._replace(free_bytes=2 * GIB - 1), [("disk", False)]),
        (DISK._replace(free_bytes=GIB - 1), [("disk", True)]),
        (Room(10 * GIB, 0, 100 * GIB), [("log", True), ("disk", True)]),
        # A small disk keeps 5 % free, not more than it has.
        (Room(0, 60, 1_000), [("disk", False)]),
        (Room(0, 49, 1_000), [("disk", True)]),
    ],
)
def test_a_limit_is_near_before_it_is_passed(
    room: Room, expected: list[tuple[str, bool]]
) -> None:
    assert [(s.name, s.passed) for s in shortages(LIMITS, room)] == expected


def test_without_limits_nothing_is_short() -> None:
    assert shortages(Limits(), Room(2**60, 0, 100)) == []


@pytest.mark.parametrize(
    "full", [DISK._replace(free_bytes=5), DISK._replace(log_bytes=11 * GIB)]
)
def test_records_are_refused_while_a_limit_is_passed_and_taken_afterwards(
    place: Place, log: BoundedLog, full: Room
) -> None:
    log.append(record_of(b"before"))
    place.room = full
    place.now_s += LOOK_EVERY_S
    with pytest.raises(Unavailable, match="records are refused"):
        log.append(record_of(b"refused"))
    with pytest.raises(Unavailable, match="BANDIT_LOG_"):
        log.append(record_of(b"refused, too"))
    place.room = DISK
    place.now_s += LOOK_EVERY_S
    log.append(record_of(b"after"))

    assert log.shortages() == []


def test_the_disk_is_looked_at_once_a_second_and_not_for_each_record(
    place: Place, log: BoundedLog
) -> None:
    for _ in range(100):
        log.append(record_of(b"x"))
    assert place.looks == 1
    place.now_s += LOOK_EVERY_S
    log.append(record_of(b"x"))
    log.shortages()

    assert place.looks == 2


def test_the_disk_is_looked_at_after_a_few_megabytes_within_a_second(
    place: Place, log: BoundedLog
) -> None:
    log.append(record_of(b"x"))
    place.room = DISK._replace(free_bytes=5)
    with pytest.raises(Unavailable):
        log.append(record_of(b"x" * LOOK_EVERY_BYTES))

    assert place.looks == 2


def test_a_disk_that_can_not_be_measured_refuses_nothing(
    place: Place, log: BoundedLog
) -> None:
    place.broken = True

    log.append(record_of(b"x"))
    assert log.shortages() == []


def test_the_room_is_that_of_the_files_and_their_disk(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    (folder / "one").mkdir(parents=True)
    (folder / "one" / "00000001.seg").write_bytes(b"x" * 1_000)
    (folder / "two").write_bytes(b"x" * 10)
    room = measured_room(folder, with_log=True)

    assert room.log_bytes == 1_010
    assert 0 < room.free_bytes < room.disk_bytes
    assert measured_room(tmp_path / "none", with_log=True).log_bytes == 0
    assert measured_room(folder, with_log=False).log_bytes == 0


def test_a_log_that_the_open_segments_alone_could_fill_is_refused() -> None:
    environment = {
        "BANDIT_WORKERS": "2",
        "BANDIT_SEGMENT_BYTES": "1000000",
        "BANDIT_LOG_MOST_BYTES": "2999999",
    }
    with pytest.raises(InvalidInput, match="at least 3000000"):
        settings_from(environment)

    accepted = settings_from(environment | {"BANDIT_LOG_MOST_BYTES": "3000000"})
    assert accepted.log_most_bytes == 3_000_000
