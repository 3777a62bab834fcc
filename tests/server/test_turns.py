"""Large batches are cut into turns, between which a loop does other work."""

import asyncio
from collections.abc import Generator

import pytest

from bandit_svc.errors import Unavailable
from bandit_svc.server.turns import MOST_WAITING, Turns
from tests.harness.web.own_loop import in_own_loop


def counting(seen: list[int], steps: int) -> Generator[None, None, int]:
    for step in range(steps):
        seen.append(step)
        yield
    return steps


def test_other_work_is_done_between_two_steps() -> None:
    async def main() -> tuple[int, list[int]]:
        seen: list[int] = []
        between: list[int] = []
        work = asyncio.ensure_future(Turns(turn_s=0.0).run(counting(seen, 20)))
        while not work.done():
            between.append(len(seen))
            await asyncio.sleep(0)
        return await work, between

    made, between = in_own_loop(main())

    assert made == 20
    # At most one step at a time.
    assert {20} | set(between) >= set(range(1, 20))


def test_a_short_turn_holds_all_steps_that_fit() -> None:
    async def main() -> int:
        seen: list[int] = []
        work = asyncio.ensure_future(Turns(turn_s=1_000.0).run(counting(seen, 20)))
        await asyncio.sleep(0)
        done = len(seen)
        return await work if done == len(seen) else done

    assert in_own_loop(main()) == 20


def test_one_piece_of_work_follows_the_other() -> None:
    async def main() -> list[int]:
        seen: list[int] = []
        turns = Turns(turn_s=0.0)
        await asyncio.gather(*(turns.run(counting(seen, 3)) for _ in range(3)))
        return seen

    assert in_own_loop(main()) == [0, 1, 2] * 3


def test_an_error_ends_the_work_and_not_the_others() -> None:
    def failing() -> Generator[None, None, int]:
        yield
        raise KeyError("x")

    async def main() -> int:
        turns = Turns()
        with pytest.raises(KeyError):
            await turns.run(failing())
        return await turns.run(counting([], 2))

    assert in_own_loop(main()) == 2


def test_too_much_work_is_refused_at_once() -> None:
    async def main() -> list[int]:
        turns = Turns(turn_s=0.0)
        waiting = [
            asyncio.ensure_future(turns.run(counting([], 2)))
            for _ in range(MOST_WAITING + 1)
        ]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match=f"{MOST_WAITING} large batches"):
            await turns.run(counting([], 1))
        return [await one for one in waiting]

    assert in_own_loop(main()) == [2] * (MOST_WAITING + 1)


def test_a_caller_that_hangs_up_does_not_hold_up_the_next() -> None:
    async def main() -> int:
        turns = Turns(turn_s=0.0)
        gone = asyncio.ensure_future(turns.run(counting([], 1_000_000)))
        await asyncio.sleep(0)
        gone.cancel()
        return await turns.run(counting([], 2))

    assert in_own_loop(main()) == 2
