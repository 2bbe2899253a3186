from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.backup.legacy_status import (
    LegacyStatus,
    UnreadableLegacy,
    as_canister_status,
    missing_labels,
    parse_status,
)
from quri_console.errors import ExitCode
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import CanisterSettings, CanisterStatus, QueryStatistics, Visibility
from tests.support.legacy_backups import CONTROLLERS, MODULE_HASH, NOT_A_CONTROLLER, DfxAge, status_text

PRINCIPALS = tuple(Principal.from_str(text) for text in CONTROLLERS)
AGES: tuple[DfxAge, ...] = ("new", "middle", "old")


def test_every_line_of_the_newest_dfx_is_understood() -> None:
    assert parse_status(status_text(), "x") == LegacyStatus(
        subject="rune-engine",
        status="running",
        controllers=PRINCIPALS,
        memory_allocation=0,
        compute_allocation=0,
        freezing_threshold=2_592_000,
        idle_cycles_burned_per_day=7_114_022_219,
        memory_bytes=72_770_912,
        cycles=492_000_000_000,
        reserved_cycles=0,
        reserved_cycles_limit=5_000_000_000_000,
        wasm_memory_limit=3_221_225_472,
        wasm_memory_threshold=0,
        module_hash=bytes.fromhex(MODULE_HASH),
        installed=True,
        number_of_queries=17,
        instructions_spent_in_queries=4_200,
        query_request_bytes=340,
        query_response_bytes=1_024,
        log_visibility=Visibility("controllers"),
    )


@pytest.mark.parametrize("age", AGES)
def test_sizes_balances_and_hashes_of_every_age_are_the_same(age: DfxAge) -> None:
    status = parse_status(status_text(age=age), "x")
    assert (status.memory_bytes, status.cycles) == (72_770_912, 492_000_000_000)
    assert (status.controllers, status.freezing_threshold) == (PRINCIPALS, 2_592_000)
    assert status.module_hash == bytes.fromhex(MODULE_HASH)
    assert status.unreadable == ()


def test_labels_of_dfx_that_spelt_them_otherwise_are_known() -> None:
    status = parse_status(status_text(age="middle"), "x")
    assert (status.reserved_cycles_limit, status.wasm_memory_limit) == (5_000_000_000_000, 0)
    assert (status.query_request_bytes, status.query_response_bytes) == (340, 1_024)


@pytest.mark.parametrize("age", AGES)
def test_any_line_may_be_missing_and_is_then_unknown(age: DfxAge) -> None:
    lines = status_text(age=age).splitlines()
    for left_out in range(len(lines)):
        parse_status("\n".join(lines[:left_out] + lines[left_out + 1 :]), "x")
    assert parse_status("", "x") == LegacyStatus()
    assert parse_status("Status: Stopped", "x") == LegacyStatus(status="stopped")


def test_warnings_unknown_lines_and_carriage_returns_are_skipped() -> None:
    text = "WARN: the wallet is deprecated: use --no-wallet\n\n" + status_text() + "Environment variables: none\n"
    assert parse_status(text.replace("\n", "\r\n"), "x") == parse_status(status_text(), "x")


def test_no_module_is_told_from_an_unknown_module() -> None:
    assert parse_status(status_text(module=False), "x").installed is False
    assert parse_status("Status: Running", "x").installed is None


def test_a_value_that_makes_no_sense_is_unknown_and_its_label_is_told() -> None:
    text = "Status: Sleeping\nBalance: plenty\nMemory Size: -5 Bytes\nControllers: nobody\nModule hash: 0xabc\n"
    status = parse_status(text + "Log visibility: some\nReserved: 5", "x")
    labels = ("status", "balance", "memory size", "controllers", "module hash", "log visibility")
    assert status == LegacyStatus(reserved_cycles=5, unreadable=labels)
    assert not status.tells_something


@pytest.mark.parametrize("text", ["None", "Not Set"])
def test_a_setting_that_is_not_set_is_unknown_without_a_complaint(text: str) -> None:
    assert parse_status(f"Wasm memory limit: {text}", "x") == LegacyStatus()


def test_viewers_of_the_log_are_read() -> None:
    status = parse_status(f"Log visibility: allowed viewers: {', '.join(CONTROLLERS)}", "x")
    assert status.log_visibility == Visibility("allowed_viewers", PRINCIPALS)
    assert parse_status("Log visibility: public", "x").log_visibility == Visibility("public")


def test_an_error_in_place_of_a_status_tells_nothing() -> None:
    assert not parse_status(NOT_A_CONTROLLER, "x").tells_something


@pytest.mark.parametrize("number", [str(10**30 + 1), "9" * 61, "9" * 1_000_000, f"Nat({10**31})", "1_" * 90 + "0"])
def test_an_absurd_number_is_refused(number: str) -> None:
    with pytest.raises(UnreadableLegacy, match="`balance`") as caught:
        parse_status(status_text().replace("492_000_000_000", number), "rune-engine_status.txt")
    assert caught.value.exit_code is ExitCode.CORRUPTION
    assert "rune-engine_status.txt" in caught.value.what
    assert len(str(caught.value)) < 300


def test_the_largest_number_that_is_not_absurd_is_kept() -> None:
    assert parse_status(f"Balance: {10**30} Cycles", "x").cycles == 10**30


def test_two_lines_that_contradict_each_other_are_refused_and_equal_ones_are_not() -> None:
    with pytest.raises(UnreadableLegacy, match="`balance`"):
        parse_status("Balance: 1 Cycles\nBalance: 2 Cycles", "x")
    assert parse_status("Balance: 1 Cycles\nBalance: 1", "x").cycles == 1


def test_a_full_status_becomes_our_own_record() -> None:
    settings = CanisterSettings(
        controllers=PRINCIPALS,
        compute_allocation=0,
        memory_allocation=0,
        freezing_threshold=2_592_000,
        reserved_cycles_limit=5_000_000_000_000,
        log_visibility=Visibility("controllers"),
        wasm_memory_limit=3_221_225_472,
        wasm_memory_threshold=0,
    )
    assert as_canister_status(parse_status(status_text(), "x")) == CanisterStatus(
        status="running",
        cycles=492_000_000_000,
        idle_cycles_burned_per_day=7_114_022_219,
        memory_bytes=72_770_912,
        settings=settings,
        module_hash=bytes.fromhex(MODULE_HASH),
        reserved_cycles=0,
        query_statistics=QueryStatistics(17, 4_200, 340, 1_024),
    )


def test_what_the_record_may_leave_open_stays_open() -> None:
    optional = ("Reserved", "Wasm memory", "Number of", "Instructions", "Total query request", "Log visibility")
    lines = [line for line in status_text(module=False).splitlines() if not line.startswith(optional)]
    status = as_canister_status(parse_status("\n".join(lines), "x"))
    assert status is not None
    assert (status.module_hash, status.reserved_cycles, status.query_statistics) == (None, None, None)
    assert (status.settings.reserved_cycles_limit, status.settings.log_visibility) == (None, None)


@pytest.mark.parametrize("label", ["Balance", "Memory Size", "Status", "Controllers", "Module hash", "Idle cycles"])
def test_no_number_is_invented_for_our_own_record(label: str) -> None:
    text = "\n".join(line for line in status_text().splitlines() if not line.startswith(label))
    status = parse_status(text, "x")
    assert as_canister_status(status) is None
    assert [missing.startswith(label.lower()) for missing in missing_labels(status)] == [True]


def test_what_an_old_dfx_did_not_tell_is_named() -> None:
    assert missing_labels(parse_status(status_text(age="old"), "x")) == ("idle cycles burned per day",)


@given(
    age=st.sampled_from(AGES),
    changes=st.lists(
        st.tuples(st.integers(0, 2000), st.integers(0, 40), st.text(max_size=40) | st.from_regex(r"[0-9_]{0,90}")),
        max_size=6,
    ),
)
def test_no_mutation_of_a_status_raises_anything_but_our_errors(
    age: DfxAge, changes: list[tuple[int, int, str]]
) -> None:
    text = status_text(age=age)
    for place, length, new in changes:
        start = place % (len(text) + 1)
        text = text[:start] + new + text[start + length :]
    with contextlib.suppress(UnreadableLegacy):
        as_canister_status(parse_status(text, "x"))


@given(st.text() | st.binary().map(lambda data: data.decode(errors="replace")))
def test_no_text_at_all_raises_anything_but_our_errors(text: str) -> None:
    for label in ("", "Status: ", "Balance: ", "Controllers: ", "Log visibility: allowed viewers ", "Module hash: 0x"):
        with contextlib.suppress(UnreadableLegacy):
            parse_status(label + text, "x")
