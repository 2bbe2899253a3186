"""Burn by cause: what counters say of each other, and what happens when they begin anew."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.ic.management.types import CyclesConsumed
from quri_console.monitor.burn_causes import split_by_cause
from quri_console.monitor.windows import DAY_NS

counters = st.builds(
    CyclesConsumed,
    memory=st.none() | st.integers(0, 10**30),
    instructions=st.none() | st.integers(0, 10**30),
    burned_cycles=st.none() | st.integers(0, 10**30),
)
pasts = st.lists(st.tuples(st.integers(0, 100 * DAY_NS), counters), max_size=10, unique_by=lambda entry: entry[0])


def test_differences_per_day_the_largest_first() -> None:
    burn = split_by_cause(
        [
            (0, CyclesConsumed(memory=5 * 10**12, instructions=10**12)),
            (2 * DAY_NS, CyclesConsumed(memory=5 * 10**12 + 4 * 10**11, instructions=22 * 10**11)),
        ]
    )
    assert burn is not None
    assert [(cause.cause, cause.per_day, cause.share) for cause in burn.causes] == [
        ("instructions", 6 * 10**11, 0.75),
        ("memory", 2 * 10**11, 0.25),
    ]
    assert burn.per_day == 8 * 10**11
    assert burn.observed_seconds == 2 * 86_400
    assert burn.text == "instructions 600 B/day (75 %), memory 200 B/day (25 %)"


def test_an_interval_in_which_counters_began_anew_is_left_out_for_every_cause() -> None:
    burn = split_by_cause(
        [
            (0, CyclesConsumed(memory=1000, instructions=10)),
            (DAY_NS, CyclesConsumed(memory=1100, instructions=20)),
            (2 * DAY_NS, CyclesConsumed(memory=7, instructions=500_000)),
            (3 * DAY_NS, CyclesConsumed(memory=107, instructions=500_010)),
        ]
    )
    assert burn is not None
    assert {cause.cause: cause.per_day for cause in burn.causes} == {"memory": 100, "instructions": 10}
    assert burn.observed_seconds == 2 * 86_400


def test_a_cause_that_the_network_began_to_count_is_not_burn_from_zero() -> None:
    burn = split_by_cause(
        [
            (0, CyclesConsumed(memory=100)),
            (DAY_NS, CyclesConsumed(memory=200, http_outcalls=10**15)),
            (2 * DAY_NS, CyclesConsumed(memory=300, http_outcalls=10**15 + 50)),
        ]
    )
    assert burn is not None
    assert {cause.words: cause.per_day for cause in burn.causes} == {"memory": 100, "HTTPS outcalls": 50}


@pytest.mark.parametrize(
    "past",
    [
        [],
        [(0, CyclesConsumed(memory=1))],
        [(0, CyclesConsumed(memory=1)), (10, CyclesConsumed(memory=2))],
        [(0, CyclesConsumed()), (DAY_NS, CyclesConsumed())],
        [(0, CyclesConsumed(memory=2)), (DAY_NS, CyclesConsumed(memory=1))],
    ],
)
def test_too_little_says_nothing(past: list[tuple[int, CyclesConsumed]]) -> None:
    assert split_by_cause(past) is None


def test_a_canister_that_burns_nothing_has_no_causes() -> None:
    burn = split_by_cause([(0, CyclesConsumed(memory=1)), (DAY_NS, CyclesConsumed(memory=1))])
    assert burn is not None
    assert (burn.causes, burn.per_day, burn.text) == ((), 0, "nothing is burnt")


@given(pasts, st.randoms(use_true_random=False))
def test_shares_add_up_and_order_means_nothing(past: list[tuple[int, CyclesConsumed]], chance: random.Random) -> None:
    burn = split_by_cause(past)
    mixed = list(past)
    chance.shuffle(mixed)
    assert split_by_cause(mixed) == burn
    if burn is not None:
        assert all(0 < cause.per_day < float("inf") for cause in burn.causes)
        assert not burn.causes or sum(cause.share for cause in burn.causes) == pytest.approx(1)
