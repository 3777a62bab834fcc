"""How long clients may take, and which requests an overloaded worker sheds."""

import pytest

from bandit_svc.server.deadlines import (
    FORGET_AFTER_S,
    OVERLOADED_AFTER_S,
    TURN_S,
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


def test_one_long_turn_sheds_nothing() -> None:
    shedding = Shedding()

    assert not any(shedding.is_due(TURN_S + n / 100, 100 + n / 100) for n in range(90))


def test_after_a_second_of_long_turns_what_comes_late_in_its_turn_is_shed() -> None:
    shedding = Shedding()
    steps = [n / 10 for n in range(21)]
    late = [shedding.is_due(2 * TURN_S, 100 + step) for step in steps]
    early = shedding.is_due(TURN_S / 2, 102.0)

    assert late == [step >= OVERLOADED_AFTER_S for step in steps]
    assert not early


def test_an_overload_is_over_when_no_turn_is_long_for_a_while() -> None:
    shedding = Shedding()
    for step in range(30):
        shedding.is_due(TURN_S, 100 + step / 10)
    later_s = 102.9 + FORGET_AFTER_S + 0.01

    assert not shedding.is_due(TURN_S, later_s)
