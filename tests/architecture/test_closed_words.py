"""The rule for closed words bites where a new word would fall through."""

import pytest

from tests.architecture.closed_words import closed_words_that_fall_through
from tests.harness.source_file import SourceFile

PATH = "bandit_svc/domain/tides.py"
DECLARED = 'from typing import Literal\nTide = Literal["high", "low", "none"]\n'
IFS = """
def depth(tide: Tide) -> int:
    if tide == "high":
        return 9
    if tide == "low":
        return 1
    return 5
"""
INLINE = """
def depth(tide: Tide) -> int:
    return 9 if tide == "high" else (1 if tide == "low" else 5)
"""
OPEN_MATCH = """
def depth(tide: Tide) -> int:
    match tide:
        case "high":
            return 9
        case "low":
            return 1
    return 5
"""
CLOSED_MATCH = """
def depth(tide: Tide) -> int:
    match tide:
        case "high":
            return 9
        case "low" | "none":
            return 1
        case _:
            assert_never(tide)
"""
MAPPING = """
def depth(tide: Tide) -> int:
    return {"high": 9, "low": 1, "none": 5}[tide]
"""
OPEN_SET = """
def size(suffix: str) -> int:
    if suffix == ".csv":
        return 9
    if suffix == ".tsv":
        return 1
    return 5
"""


def faults(body: str) -> list[str]:
    return closed_words_that_fall_through({PATH: SourceFile(PATH, DECLARED + body)})


@pytest.mark.parametrize("body", [IFS, INLINE, OPEN_MATCH])
def test_a_branch_with_a_silent_default_is_a_fault(body: str) -> None:
    (fault,) = faults(body)

    assert "high, low" in fault


@pytest.mark.parametrize("body", [CLOSED_MATCH, MAPPING, OPEN_SET])
def test_what_fails_loudly_and_what_is_no_closed_set_may_be(body: str) -> None:
    assert faults(body) == []
