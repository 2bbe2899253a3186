"""How many slices are asked for at once: quickly more, half as many when the network asks for patience."""

import asyncio

from quri_console.backup.download import MOST_SLICES, Throttle


def test_until_the_first_refusal_each_answer_allows_one_more() -> None:
    throttle = Throttle(first=4, most=10)
    for _ in range(3):
        throttle.went_well()
    assert throttle.allowed == 7
    for _ in range(9):
        throttle.went_well()
    assert throttle.allowed == 10


def test_after_a_refusal_half_are_left_and_more_come_slowly() -> None:
    throttle = Throttle(first=8, most=16)
    throttle.was_refused()
    assert throttle.allowed == 4
    for _ in range(4):
        throttle.went_well()
    assert 4.8 < throttle.allowed < 5.1
    for _ in range(10):
        throttle.was_refused()
    assert throttle.allowed == 1


def test_answers_that_were_waited_out_count_as_one_refusal_however_many_came_together() -> None:
    throttle = Throttle(first=8, most=16)
    throttle.saw_busy_answers(0)
    assert throttle.allowed == 8
    throttle.saw_busy_answers(5)
    throttle.saw_busy_answers(5)
    assert throttle.allowed == 4
    throttle.saw_busy_answers(6)
    assert throttle.allowed == 2


async def test_no_more_are_under_way_than_allowed() -> None:
    throttle = Throttle(first=3, most=MOST_SLICES)
    running = most = 0

    async def work() -> None:
        nonlocal running, most
        async with throttle.slot():
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(work() for _ in range(20)))
    assert most == 3
