from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.errors import ExitCode, UsageError
from quri_console.units import format_bytes, format_cycles, format_duration, parse_cycles, parse_duration


@pytest.mark.parametrize(
    ("text", "cycles"),
    [
        ("1T", 10**12),
        ("0.5T", 5 * 10**11),
        ("500B", 5 * 10**11),
        ("1.5t", 15 * 10**11),
        ("500000000", 500_000_000),
        ("5_000", 5000),
        ("2K", 2000),
        ("3 M", 3_000_000),
        ("0", 0),
    ],
)
def test_amounts_of_cycles_are_read_as_the_old_scripts_wrote_them(text: str, cycles: int) -> None:
    assert parse_cycles(text) == cycles


@pytest.mark.parametrize("text", ["", "T", "-1T", "1Q", "1e12", "1..5T", "0.0000000000001T", "_5", "1 T T"])
def test_a_wrong_amount_says_how_to_write_one(text: str) -> None:
    with pytest.raises(UsageError) as failure:
        parse_cycles(text)
    assert failure.value.next_step
    assert failure.value.exit_code is ExitCode.USAGE


@given(st.integers(min_value=0, max_value=10**30))
def test_whole_cycles_survive_being_written_out(cycles: int) -> None:
    assert parse_cycles(str(cycles)) == cycles


@pytest.mark.parametrize(
    ("cycles", "text"),
    [
        (0, "0"),
        (999, "999"),
        (492_000_000_000, "492 B"),
        (1_234_000_000_000, "1.23 T"),
        (999_999_999_999, "1 T"),
        (4_000_000_000_000_000, "4000 T"),
        (-30_000_000, "-30 M"),
    ],
)
def test_cycles_are_shown_with_three_significant_digits(cycles: int, text: str) -> None:
    assert format_cycles(cycles) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (72_770_912, "69.4 MiB"), (1 << 30, "1 GiB"), (5 << 40, "5120 GiB")],
)
def test_bytes_are_shown_in_binary_units(size: int, text: str) -> None:
    assert format_bytes(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.9, "59 s"), (125, "2 m 5 s"), (3600, "1 h"), (86_400 * 14 + 3 * 3600, "14 d 3 h"), (-60, "-1 m")],
)
def test_durations_show_their_two_largest_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("1.5h", 5400), ("30d", 2_592_000), ("2w", 1_209_600)]
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "-5m", "5y", "1m30s"])
def test_a_wrong_duration_says_how_to_write_one(text: str) -> None:
    with pytest.raises(UsageError, match="is not a duration"):
        parse_duration(text)
