"""How long clients may take, and which requests an overloaded worker sheds."""

import pytest

from bandit_svc.server.deadlines import (
    FORGET_AFTER_S,
    IN_TIME_S,
    LEAST_ANSWERED,
    LONG_TURN_ASKED,
    OVERLOADED_AFTER_S,
    Patience,
    Shedding,
    Stage,
)

PATIENCE = Patience(10.0, 30.0, 75.0)


@pytest.mark.parametrize(
    ("stage", "lasted_s", "left_s"),
    [
        (Stage.SILENT, 4.0, 6.0),
        (Stage.HEAD, 4.0, 6.0),
        (Stage.BODY, 4.0, 26.0),
        (Stage.IDLE, 80.0, -5.0),
    ],
)
def test_each_stage_has_its_own_limit(
    stage: Stage, lasted_s: float, left_s: float
) -> None:
    assert PATIENCE.left_s(stage, lasted_s) == left_s


def test_our_own_answer_may_take_any_time() -> None:
    assert PATIENCE.left_s(Stage.ANSWER, 1e9) > 0


def turn(shedding: Shedding, began_s: float, asked: int, each_s: float) -> list[bool]:
    """Reach so many requests in one turn; return which are refused."""
    due = [shedding.is_due(began_s + n * each_s) for n in range(asked)]
    shedding.end_turn()
    return due


def long_turns(shedding: Shedding, count: int) -> list[bool]:
    """Take so many turns of 20 ms in a row; return whether each refuses anything."""
    return [any(turn(shedding, 100 + n / 50, 200, 1e-4)) for n in range(count)]


def test_one_long_turn_refuses_nothing() -> None:
    shedding = Shedding()

    assert not any(turn(shedding, 100.0, 1_000, 0.01))


def test_after_a_row_of_long_turns_what_is_reached_late_is_refused() -> None:
    shedding = Shedding()
    refuses = long_turns(shedding, 30)
    in_order = turn(shedding, 100.6, 200, 1e-4)

    assert refuses.index(True) == round(OVERLOADED_AFTER_S / 0.02)
    assert not any(in_order[: round(IN_TIME_S / 1e-4)])
    assert all(in_order[round(IN_TIME_S / 1e-4) + 1 :])


def test_few_requests_that_take_long_are_no_overload() -> None:
    shedding = Shedding()

    assert not any(
        any(turn(shedding, 100 + n, LONG_TURN_ASKED - 1, 0.01)) for n in range(20)
    )


def test_a_short_turn_between_long_ones_shows_that_nothing_waits() -> None:
    shedding = Shedding()
    for n in range(60):
        assert not any(turn(shedding, 100 + n / 10, 200, 1e-4))
        assert not any(turn(shedding, 100.05 + n / 10, 1, 1e-4))


def test_an_overload_is_over_when_nothing_comes_late_for_a_while() -> None:
    shedding = Shedding()
    assert long_turns(shedding, 30)[-1]
    short = [turn(shedding, 100.6 + n / 10, 20, 1e-4) for n in range(10)]

    assert not any(any(due) for due in short)
    assert not any(turn(shedding, 101.6 + FORGET_AFTER_S, 200, 1e-4))


def test_the_first_few_of_a_turn_are_answered_however_long_they_take() -> None:
    shedding = Shedding()
    long_turns(shedding, 30)

    assert not any(turn(shedding, 100.6, LEAST_ANSWERED, 0.01))
