"""Columns go to what is frequent once there are few of them left."""

from policies.admission import MOST_COUNTED, Admission


def admitted(names: list[str], columns: int) -> set[str]:
    admission, found = Admission(), set[str]()
    for name in names:
        if name not in found and admission.admits(name, len(found), columns):
            found.add(name)
    return found


def test_the_first_quarter_of_the_columns_goes_to_whatever_comes() -> None:
    assert admitted(["a", "b"], 8) == {"a", "b"}


def test_later_columns_need_more_examples() -> None:
    admission = Admission()
    times = []
    for taken in (2, 4, 6):
        times.append(1)
        while not admission.admits("x", taken, 8):
            times[-1] += 1

    assert times == [3, 10, 30]


def test_full_columns_admit_nothing() -> None:
    assert not any(Admission().admits("x", 8, 8) for _ in range(100))


def test_ids_that_are_seen_once_leave_room_for_what_comes_often() -> None:
    names = []
    for place in range(5_000):
        names += [f"id={place}", f"category={place % 20}"]
    found = admitted(names, 100)

    assert {f"category={place}" for place in range(20)} <= found
    assert len(found) < 50


def test_counts_are_bounded_and_a_frequent_feature_keeps_its_own() -> None:
    admission = Admission()
    for place in range(MOST_COUNTED + 100):
        admission.admits(f"id={place}", 99, 100)
        if place % 200 == 0:
            admission.admits("frequent", 99, 100)

    assert len(admission.counts) <= MOST_COUNTED
    # 21 times counted, lowered once.
    assert admission.counts["frequent"] == 20
