"""What differs between two sides, fact by fact; what one of them cannot tell is never a difference."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.backup.browse import open_backup
from quri_console.backup.canister_facts import CanisterFacts, facts_of_live
from quri_console.backup.chunk_maps import chunk_map_of
from quri_console.backup.compare import compare_backup_with_live, compare_facts, compare_globals, compare_modules
from quri_console.backup.comparison import (
    NO_MODULE,
    PARTS,
    ChangedSection,
    ChangedSetting,
    Comparison,
    Export,
    GlobalChanges,
    Pair,
    Side,
)
from quri_console.backup.interchange import Blob
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import CanisterStatus, EnvironmentVariable, Global, Visibility
from quri_console.image.page_diff import MemoryChange, compare_memory
from quri_console.image.sections import module_facts
from tests.support.backups import CONTROLLER, REGISTRY, RUNE_ENGINE
from tests.support.compared_states import NAME, Copy, MadeState, module, new_repository, write_set

NOW = datetime(2025, 1, 25, tzinfo=UTC)
PRINCIPALS = [Principal(bytes([number, 1])) for number in range(4)]


def side(origin: str = "backup", canister: Principal | None = RUNE_ENGINE) -> Side:
    return Side(origin, "label", NAME, canister, NOW)  # type: ignore[arg-type]


def facts(state: MadeState | None = None, status: CanisterStatus | None = None) -> CanisterFacts:
    """Everything that a backup with state tells, its module included."""
    state = state or MadeState()
    told = module_facts(state.module)
    known = CanisterFacts(side()).with_snapshot(state.metadata).with_status(status or state.status())
    return replace(known, module=told, interface=told.candid_interface)


def unchanged_memory(state: MadeState) -> dict[Blob, MemoryChange]:
    memories: tuple[Blob, ...] = ("wasm_memory", "stable_memory")
    maps = {blob: chunk_map_of(state, blob, chunk_bytes=16_384) for blob in memories}
    return {blob: compare_memory(chunks, chunks) for blob, chunks in maps.items()}


def with_settings(**changes: object) -> CanisterFacts:
    status = MadeState().status()
    return facts(status=replace(status, settings=replace(status.settings, **changes)))  # type: ignore[arg-type]


def test_a_backup_and_the_unchanged_live_canister_differ_in_nothing(tmp_path: Path) -> None:
    repository = new_repository(tmp_path / "repository")
    write_set(repository)
    stored = open_backup(repository).canister(NAME)
    comparison = compare_backup_with_live(stored, MadeState().status(), read_at=NOW)
    assert not comparison.module_differs
    assert not comparison.settings_differ
    assert comparison.differing_parts == ()
    assert (comparison.left.origin, comparison.right.origin) == ("backup", "live")
    # only a snapshot could tell the live side, so that equality is not claimed
    assert comparison.certified_data == Pair(b"certified", None)
    assert not comparison.identical
    assert "heap" in comparison.not_compared()


def test_every_difference_from_the_live_canister_is_told_with_both_sides(tmp_path: Path) -> None:
    repository = new_repository(tmp_path / "repository")
    state = MadeState()
    settings = replace(state.status().settings, log_visibility=Visibility("allowed_viewers", (CONTROLLER,)))
    write_set(repository, {NAME: Copy(state, state.status(settings=settings))})
    live = MadeState(module=b"new", heap=b"").status(
        status="stopped",
        cycles=5,
        settings=replace(
            settings,
            controllers=(REGISTRY,),
            freezing_threshold=604_800,
            log_visibility=Visibility("public"),
            environment_variables=(EnvironmentVariable("A", "1"),),
        ),
    )
    comparison = compare_backup_with_live(open_backup(repository).canister(NAME), live, read_at=NOW)
    assert comparison.module_hash == Pair(state.module_hash, live.module_hash)
    assert comparison.heap_bytes.right == 0
    assert comparison.status == Pair("running", "stopped")
    assert comparison.cycles == Pair(3 * 10**12, 5)
    assert comparison.controllers is not None
    assert (comparison.controllers.added, comparison.controllers.removed) == ((REGISTRY,), (CONTROLLER,))
    # environment variables were not recorded then: unknown is not a difference
    assert comparison.settings == (
        ChangedSetting("freezing_threshold", 2_592_000, 604_800),
        ChangedSetting("log_visibility", f"allowed viewers {CONTROLLER.to_str()}", "public"),
    )
    assert comparison.differing_parts == ("settings", "module", "memory")


def test_a_canister_without_module_is_not_one_whose_module_is_unknown() -> None:
    empty = facts_of_live(side("live"), MadeState().status(module_hash=None))
    assert compare_facts(facts(), empty).module_hash == Pair(MadeState().module_hash, NO_MODULE)
    assert compare_facts(facts(), empty).module_differs
    unknown = CanisterFacts(side("directory"))
    assert not compare_facts(facts(), unknown).module_differs
    assert "module" in compare_facts(facts(), unknown).not_compared()


def test_cycles_and_version_alone_are_no_difference() -> None:
    state = MadeState()
    later = facts(status=state.status(cycles=1, version=99, memory_bytes=5))
    comparison = compare_facts(facts(), later, memory=unchanged_memory(state))
    assert comparison.cycles.differs
    assert comparison.memory_bytes.differs
    assert comparison.identical


def test_the_status_counts_with_the_settings() -> None:
    stopped = facts(status=MadeState().status(status="stopped"))
    assert compare_facts(facts(), stopped).differing_parts == ("settings",)


def test_the_order_of_viewers_and_variables_means_nothing() -> None:
    variables = tuple(EnvironmentVariable(name, "1") for name in "AB")
    left = with_settings(environment_variables=variables, log_visibility=Visibility("allowed_viewers", (*PRINCIPALS,)))
    right = with_settings(
        environment_variables=variables[::-1], log_visibility=Visibility("allowed_viewers", (*PRINCIPALS[::-1],))
    )
    assert compare_facts(left, right).settings == ()


def test_a_side_that_knows_no_settings_is_not_compared() -> None:
    comparison = compare_facts(facts(), CanisterFacts(side("legacy"), status="stopped"))
    assert comparison.settings is None
    assert comparison.controllers is None
    assert comparison.not_compared(("settings",)) == ("settings", "controllers")
    assert comparison.differing_parts == ("settings",)  # by the status, which is known


def test_exports_sections_and_sizes_of_modules_are_compared() -> None:
    before = module_facts(module(("canister_query get", "canister_update set", "canister_init")))
    after = module_facts(module(("canister_composite_query get", "canister_update set", "canister_heartbeat"), None))
    changes = compare_modules(before, after)
    assert changes.exports.added == (Export("composite query", "get"), Export("lifecycle", "canister_heartbeat"))
    assert changes.exports.removed == (Export("lifecycle", "canister_init"), Export("query", "get"))
    assert changes.sections == (ChangedSection("icp:public candid:service", 12, None),)
    assert changes.differs


def test_globals_are_compared_to_the_bit() -> None:
    nan = Global("f64", math.nan)
    left = (Global("i32", 1), nan, Global("f64", 0.0), None, Global("i64", 5))
    right = (Global("i64", 1), nan, Global("f64", -0.0), Global("i32", 7))
    assert compare_globals(left, right) == GlobalChanges(changed=3, unknown=1, total=5)


def test_an_interface_that_is_no_candid_is_a_note_and_not_the_end() -> None:
    broken = replace(facts(), interface="\x1b[2J not candid")
    comparison = compare_facts(facts(), broken)
    assert not comparison.interface.is_known
    assert any("right" in note for note in comparison.notes)


def test_sides_of_two_canisters_or_networks_are_pointed_out() -> None:
    other = replace(facts(), side=replace(side(canister=REGISTRY), root_key_hash=b"other"))
    here = replace(facts(), side=replace(side(), root_key_hash=b"here"))
    assert compare_facts(here, other).notes == ("the sides are of two canisters", "the sides are of two networks")
    assert compare_facts(here, replace(other, side=side(canister=None))).notes == ()


def test_the_interface_of_equal_modules_needs_no_text_to_be_known_as_equal() -> None:
    silent = facts(MadeState(module=module(interface=None)))
    comparison = compare_facts(silent, silent)
    assert not comparison.interface.is_known
    assert comparison.not_compared(("interface",)) == ()


EXPORTS = ["canister_query get", "canister_update set", "canister_heartbeat", "canister_composite_query all"]
INTERFACES = [None, "service : {}", "service : { get : () -> (nat) query }", "service : { set : (text) -> () }"]
modules = st.builds(module, st.lists(st.sampled_from(EXPORTS), unique=True).map(tuple), st.sampled_from(INTERFACES))
states = st.builds(
    MadeState,
    module=modules,
    heap=st.binary(max_size=8),
    stable=st.binary(max_size=8),
    chunks=st.lists(st.binary(min_size=1, max_size=3), unique=True, max_size=3).map(tuple),
    globals=st.lists(st.sampled_from([Global("i32", 1), Global("f64", math.nan), Global("v128", 7)])).map(tuple),
    certified_data=st.binary(max_size=4),
    global_timer=st.integers(0, 5),
)
statuses = st.fixed_dictionaries(
    {"status": st.sampled_from(["running", "stopped"]), "cycles": st.integers(0, 9), "version": st.integers(0, 9)}
)
controllers = st.lists(st.sampled_from(PRINCIPALS), unique=True).map(tuple)


@st.composite
def any_facts(draw: st.DrawFn) -> CanisterFacts:
    """A side that knows everything, or no settings, or no snapshot."""
    state = draw(states)
    status = state.status(**draw(statuses))
    status = replace(status, settings=replace(status.settings, controllers=draw(controllers)))
    known = facts(state, status)
    kind = draw(st.sampled_from(["all", "live", "directory"]))
    if kind == "live":
        return facts_of_live(side("live"), status, interface=known.interface)
    if kind == "directory":
        told = CanisterFacts(side("directory", None)).with_snapshot(state.metadata)
        return replace(told, module=known.module, module_hash=state.module_hash)
    return known


@given(any_facts())
def test_a_side_compared_with_itself_differs_in_nothing(known: CanisterFacts) -> None:
    comparison = compare_facts(known, known)
    assert comparison.differing_parts == ()
    assert comparison.notes == ()


@given(states)
def test_a_whole_state_compared_with_itself_is_identical(state: MadeState) -> None:
    known = facts(state)
    comparison = compare_facts(known, known, memory=unchanged_memory(state))
    assert comparison.identical


@given(any_facts(), any_facts())
def test_swapping_the_sides_swaps_what_was_added_and_removed(left: CanisterFacts, right: CanisterFacts) -> None:
    forth, back = compare_facts(left, right), compare_facts(right, left)
    assert _members(forth) == [(removed, added) for added, removed in _members(back)]
    assert (forth.interface.added, forth.interface.removed) == (back.interface.removed, back.interface.added)
    assert forth.module_hash == Pair(back.module_hash.right, back.module_hash.left)
    assert forth.globals == back.globals
    assert forth.differing_parts == back.differing_parts
    assert forth.not_compared(PARTS) == back.not_compared(PARTS)
    assert forth.identical == back.identical


def _members(comparison: Comparison) -> list[tuple[object, object]]:
    exports = None if comparison.module is None else comparison.module.exports
    groups = (comparison.controllers, comparison.chunks, exports)
    return [(group.added, group.removed) for group in groups if group is not None]


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_told_apart(part: str) -> None:
    state = MadeState()
    changed = {
        "settings": facts(status=state.status(status="stopped")),
        "module": replace(facts(), module_hash=b"x" * 32),
        "interface": replace(facts(), interface="service : { get : () -> () }"),
        "memory": facts(replace(state, certified_data=b"other")),
    }[part]
    assert compare_facts(facts(), changed).differing_parts == (part,)
