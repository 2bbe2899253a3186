"""Everything readable of the old script's history is read; everything else is told with its line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.monitor.legacy_history import LegacySample, read_legacy_history

AT = 1_737_684_007 * 10**9


def record(minute: int, cycles: str = "492000000000", name: str = "rune-engine") -> str:
    return (
        f'{{"timestamp":"2025-01-24T02:{minute:02}:07Z","network":"ic","canisters":'
        f'[{{"name":"{name}","cycles":{cycles},"status":"HEALTHY"}}]}}'
    )


def found(minute: int, cycles: int = 492_000_000_000, line: int = 1) -> LegacySample:
    return LegacySample("rune-engine", "ic", AT + minute * 60 * 10**9, cycles, line)


@pytest.mark.parametrize("indent", [None, 2])
def test_with_jq_it_is_one_array(indent: int | None) -> None:
    text = json.dumps([json.loads(record(0)), json.loads(record(1, "5"))], indent=indent)
    history = read_legacy_history(text)
    assert [(one.at_ns, one.cycles) for one in history.samples] == [(AT, 492_000_000_000), (AT + 60 * 10**9, 5)]
    assert history.unread == ()
    assert [one.line for one in history.samples] == ([1, 1] if indent is None else [2, 13])


def test_without_jq_it_is_an_empty_array_and_one_record_a_line() -> None:
    history = read_legacy_history("\n".join(["[]", record(0), record(1, ""), record(2, "7"), ""]))
    assert history.samples == (found(0, line=2), found(2, 7, line=4))
    assert [(one.line, one.text) for one in history.unread] == [
        (3, "rune-engine: no balance (nothing, status HEALTHY)")
    ]


def test_a_record_that_was_cut_off_costs_only_itself() -> None:
    history = read_legacy_history("\n".join(["[]", record(0), record(1)[:60], record(2), record(3)[:-3]]))
    assert history.samples == (found(0, line=2), found(2, line=4))
    assert [one.line for one in history.unread] == [3, 5]


def test_a_cut_off_array_is_read_up_to_the_cut() -> None:
    text = json.dumps([json.loads(record(0)), json.loads(record(1))], indent=2)
    history = read_legacy_history(text[: len(text) // 2 + 60])
    assert history.samples == (found(0, line=2),)
    assert [one.line for one in history.unread] == [13]


def test_what_stands_between_records_is_told() -> None:
    history = read_legacy_history(f"[]\n{record(0)}\njq: error: Cannot iterate over null\n{record(1)}\n")
    assert history.samples == (found(0, line=2), found(1, line=4))
    assert [(one.line, one.text) for one in history.unread] == [
        (3, "not understood: jq: error: Cannot iterate over null")
    ]


@pytest.mark.parametrize(
    ("cycles", "expected"),
    [("0", 0), ("4.92e+11", 492_000_000_000), ('"492_000"', 492_000), (str(1 << 127), 1 << 127)],
)
def test_balances_as_the_tools_wrote_them(cycles: str, expected: int) -> None:
    assert read_legacy_history(record(0, cycles)).samples == (found(0, expected),)


@pytest.mark.parametrize("cycles", ["-1", "true", "1.5", "NaN", '"many"', str(1 << 128), "1e400", "[]", "9" * 5000])
def test_what_is_no_balance_is_told(cycles: str) -> None:
    history = read_legacy_history(record(0, cycles))
    assert history.samples == ()
    assert len(history.unread) == 1


@pytest.mark.parametrize(
    "text",
    [
        '{"timestamp":"yesterday","network":"ic","canisters":[]}',
        '{"timestamp":"2025-01-24T02:00:07","network":"ic","canisters":[]}',
        '{"timestamp":"2025-01-24T02:00:07Z","canisters":[]}',
        '{"timestamp":"2025-01-24T02:00:07Z","network":"ic","canisters":[5]}',
        "{}",
        '{"timestamp":' + "[" * 100_000,
    ],
)
def test_records_that_are_none_are_told(text: str) -> None:
    history = read_legacy_history(text)
    assert history.samples == ()
    assert [one.line for one in history.unread] == [1]


@given(st.text(max_size=80), st.integers(0, 400), st.integers(0, 40))
def test_nothing_in_the_file_makes_it_fail(junk: str, place: int, length: int) -> None:
    text = "\n".join(["[]", record(0), record(1, ""), record(2)])
    read_legacy_history(text[:place] + junk + text[place + length :])
