"""Spark lines keep shape, gaps and width."""

from hypothesis import given
from hypothesis import strategies as st

from quri_console.render.spark import ASCII_RAMP, BLOCKS, spark


def test_a_rising_series_rises() -> None:
    assert spark([(second, second) for second in range(8)], 8, since_ns=0, until_ns=7) == BLOCKS


def test_in_ascii() -> None:
    assert spark([(second, second) for second in range(8)], 8, ascii_only=True) == ASCII_RAMP


def test_a_constant_series_is_level_and_not_empty() -> None:
    assert spark([(0, 5), (1, 5)], 2) == "▄▄"


def test_time_without_samples_stays_blank() -> None:
    assert spark([(0, 1), (9, 2)], 5, since_ns=0, until_ns=10) == "▁   █"


def test_the_last_value_of_a_slice_counts() -> None:
    assert spark([(0, 9), (1, 0), (2, 5), (3, 9)], 2, since_ns=0, until_ns=4) == "▁█"


def test_differences_of_huge_balances_are_not_rounded_away() -> None:
    assert spark([(0, 10**38), (1, 10**38 + 7)], 2) == "▁█"


def test_nothing_known_is_blank() -> None:
    assert spark([], 4) == "    "
    assert spark([(0, 1)], 4, since_ns=5, until_ns=9) == "    "
    assert spark([(0, 1)], 0) == ""


points = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**40)), max_size=30)


@given(points.map(sorted), st.integers(1, 50), st.booleans())
def test_it_has_its_width_and_only_its_marks(series: list[tuple[int, int]], width: int, ascii_only: bool) -> None:
    drawn = spark(series, width, ascii_only=ascii_only)
    assert len(drawn) == width
    assert set(drawn) <= set((ASCII_RAMP if ascii_only else BLOCKS) + " ")
    assert (drawn.strip() != "") == bool(series)
