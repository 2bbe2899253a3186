"""A comparison as lines and as JSON: nothing untrusted gets through, nothing unknown looks equal, all of it fits."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.backup.canister_facts import CanisterFacts
from quri_console.backup.compare import compare_facts
from quri_console.backup.comparison import PARTS, Comparison, Side
from quri_console.backup.diff import Diff, FailedComparison
from quri_console.errors import CorruptionError
from quri_console.image.page_diff import ChunkMap, MemoryChange, compare_memory
from quri_console.image.sections import module_facts
from quri_console.render.comparison import comparison_lines, diff_lines
from quri_console.render.comparison_json import comparison_json, diff_json
from quri_console.render.comparison_parts import Wanted
from quri_console.render.page_strip import page_rows, page_strip
from quri_console.render.spans import Line, plain, wrap_lines
from quri_console.units import WASM_PAGE_BYTES
from tests.support.backups import AT, CONTROLLER, REGISTRY, RUNE_ENGINE
from tests.support.compared_states import NAME, MadeState, module

PAGE = WASM_PAGE_BYTES
EVIL = "rune\x1b[2J\u202eengine\r\n"
BEFORE = module(("canister_query get", "canister_update set"), "service : { get : () -> (nat) query }")
AFTER = module(("canister_query get", "canister_update put"), "service : { get : () -> (text) query }")


def facts(
    state: MadeState, *, name: str = NAME, label: str = "20250124T020000Z/rune-engine", **status: Any
) -> CanisterFacts:
    told = module_facts(state.module)
    known = CanisterFacts(Side("backup", label, name, RUNE_ENGINE, AT))
    known = known.with_snapshot(state.metadata).with_status(state.status(**status))
    return replace(known, module=told, interface=told.candid_interface)


def pages(*changed: int, total: int = 60) -> MemoryChange:
    """A memory of which these pages changed."""
    left = [b"old"] * total
    right = [b"new" if page in changed else b"old" for page in range(total)]
    return compare_memory(ChunkMap(PAGE, total * PAGE, left), ChunkMap(PAGE, total * PAGE, right))


def changed_in_everything(name: str = NAME) -> Comparison:
    before = MadeState(module=BEFORE)
    after = MadeState(module=AFTER, certified_data=b"other", global_timer=7, globals=(), chunks=())
    settings = replace(before.status().settings, controllers=(REGISTRY,), freezing_threshold=604_800)
    return compare_facts(
        facts(before, name=name),
        facts(after, name=name, status="stopped", cycles=2 * 10**12, settings=settings),
        memory={"wasm_memory": pages(3, 40, 41), "stable_memory": pages()},
    )


def texts(lines: Sequence[Line]) -> list[str]:
    return [plain(line) for line in lines]


def test_everything_that_differs_is_told_with_both_sides() -> None:
    shown = "\n".join(texts(comparison_lines(changed_in_everything())))
    for piece in (
        "differs in settings, module, interface and memory",
        "status             running → stopped",
        "freezing threshold 30 d → 7 d",
        f"+ controller {REGISTRY.to_str()}",
        f"- controller {CONTROLLER.to_str()}",
        "cycles             3 T → 2 T",
        "+ update put",
        "- update set",
        "~ get  calls fail",
        "- () -> (nat) query",
        "+ () -> (text) query",
        "192 KiB of 3.75 MiB changed (5 %), in 3 of 60 pages",
        "pages 40–41  0x280000–0x2a0000  128 KiB",
        "globals            2 of 2 changed",
        "certified data     636572746966696564 → 6f74686572",
        "global timer       2027-01-15 08:00:00 UTC → 1970-01-01 00:00:00 UTC",
        "- chunk ",
    ):
        assert piece in shown


def test_the_strip_shows_where_a_memory_changed() -> None:
    strip = page_strip(pages(3, 40, 41), 60)
    assert strip == "·" * 3 + "█" + "·" * 36 + "██" + "·" * 18
    assert page_strip(pages(3), 60, ascii_only=True) == "." * 3 + "#" + "." * 56


@given(st.sets(st.integers(0, 999), max_size=30), st.integers(1, 80))
def test_a_cell_of_the_strip_is_drawn_as_equal_only_when_nothing_in_it_changed(changed: set[int], width: int) -> None:
    strip = page_strip(pages(*changed, total=1000), width)
    assert len(strip) == width
    assert set(strip) <= set("·░▒▓█")
    for page in changed:
        assert strip[((page * PAGE + 1) * width - 1) // (1000 * PAGE)] != "·"
    assert (strip == "·" * width) == (not changed)


def test_the_magnifier_has_a_cell_for_each_page_and_leaves_out_rows_without_a_change() -> None:
    rows = list(page_rows(pages(3, 130, total=150), 10, ascii_only=True))
    assert rows == [(0, "." * 3 + "#" + "." * 60), (128, "..#" + "." * 19)]


def test_the_magnifier_of_a_huge_memory_ends_at_its_limit() -> None:
    whole = compare_memory(ChunkMap(1 << 40, 0, []), ChunkMap(1 << 40, 1 << 40, [b"new"]))
    rows = list(page_rows(whole, 3))
    assert [first for first, _ in rows] == [0, 64, 128]
    assert all(cells == "█" * 64 for _, cells in rows)


def test_the_magnifier_takes_the_place_of_the_strip() -> None:
    comparison = changed_in_everything()
    strip, magnified = (
        "\n".join(texts(comparison_lines(comparison, Wanted(magnified=magnified)))) for magnified in (False, True)
    )
    cells = "·" * 3 + "█" + "·" * 36 + "██" + "·" * 18
    assert f"    {cells}" in strip
    assert f"          0 {cells}" in magnified


def test_every_range_is_shown_when_it_is_wanted() -> None:
    changed = pages(*range(0, 60, 2))
    comparison = compare_facts(facts(MadeState()), facts(MadeState()), memory={"wasm_memory": changed})
    few, all_of_them = (texts(comparison_lines(comparison, Wanted(all_ranges=wanted))) for wanted in (False, True))
    assert "    and 27 smaller ranges" in few
    assert len([line for line in all_of_them if "  0x" in line]) == 30


def test_only_the_wanted_parts_are_shown_and_judged() -> None:
    comparison = changed_in_everything()
    shown = texts(comparison_lines(comparison, Wanted(parts=("interface",))))
    assert "  differs in interface" in shown
    assert "Memory" not in shown
    document = comparison_json(comparison, ("interface",))
    assert document["differing_parts"] == ["interface"]
    assert "memory" not in document


def test_what_was_not_compared_never_looks_equal() -> None:
    unknown = CanisterFacts(Side("legacy", "old/rune-engine", NAME, RUNE_ENGINE, None))
    shown = texts(comparison_lines(compare_facts(facts(MadeState()), unknown)))
    assert "  no difference" not in shown
    assert [line for line in shown if line.startswith("  no difference in what could be compared; not compared: ")]
    assert "  not compared: settings, controllers" in shown
    assert "  right  old/rune-engine, taken at an unknown time" in shown


def test_an_identical_state_says_that_every_byte_was_compared() -> None:
    state = MadeState()
    memory = {"wasm_memory": pages(), "stable_memory": pages()}
    comparison = compare_facts(facts(state), facts(state), memory=memory)  # type: ignore[arg-type]
    shown = texts(comparison_lines(comparison))
    assert "  identical, every byte of the state included" in shown
    assert shown.count("  no difference") == 4
    assert comparison_json(comparison)["identical"] is True


def test_bytes_that_could_not_be_compared_are_counted() -> None:
    maps = ChunkMap(PAGE, 2 * PAGE, [b"a", b"b"]), ChunkMap(PAGE // 2, 4 * PAGE, [b"c"] * 8)
    comparison = compare_facts(facts(MadeState()), facts(MadeState()), memory={"wasm_memory": compare_memory(*maps)})
    shown = "\n".join(texts(comparison_lines(comparison)))
    assert "at least 128 KiB of 256 KiB changed (50 %), in 2 of 4 pages; 128 KiB not compared" in shown
    assert "heap" in comparison.not_compared()


def test_numbers_that_round_to_the_same_are_shown_exactly() -> None:
    state = MadeState()
    limits = [replace(state.status().settings, wasm_memory_limit=limit) for limit in (3 << 30, (3 << 30) + 1)]
    comparison = compare_facts(*(facts(state, settings=settings) for settings in limits))
    assert "  wasm memory limit  3,221,225,472 → 3,221,225,473" in texts(comparison_lines(comparison))


def test_untrusted_text_is_escaped_wherever_it_comes_from() -> None:
    hostile = replace(
        changed_in_everything(EVIL),
        notes=(EVIL,),
        settings=None,
    )
    diff = Diff((hostile,), (EVIL,), (EVIL,), (FailedComparison(EVIL, CorruptionError(EVIL, why=EVIL)),))
    for line in texts(diff_lines(diff)):
        assert not [character for character in line if unicodedata.category(character) in ("Cc", "Cf")]
    assert EVIL not in json.dumps(diff_json(diff))


@pytest.mark.parametrize("width", [40, 80, 120])
def test_every_line_fits_the_terminal(width: int) -> None:
    lines = wrap_lines(diff_lines(Diff((changed_in_everything("n" * 300),), ("a" * 200,))), width)
    assert max(len(plain(line)) for line in lines) <= width


def test_a_long_list_is_cut_with_a_count_and_whole_in_json() -> None:
    many = tuple(f"canister_query q{number:03}" for number in range(100))
    comparison = compare_facts(facts(MadeState()), facts(MadeState(module=module(many))))
    shown = texts(comparison_lines(comparison))
    assert len([line for line in shown if line.startswith("  + query")]) == 40
    assert "  and 60 more; --json lists all" in shown
    assert len(comparison_json(comparison)["module"]["facts"]["exports"]["added"]) == 100


def test_json_tells_unknown_from_none_and_gives_ranges_in_bytes() -> None:
    empty = replace(facts(MadeState()), module_hash=b"", module=None, interface=None)
    document = comparison_json(compare_facts(facts(MadeState()), empty, memory={"wasm_memory": pages(1, 5)}))
    assert document["module"]["sha256"] == {"left": MadeState().module_hash.hex(), "right": ""}
    assert document["module"]["facts"] is None
    assert document["interface"]["known"] is False
    heap = document["memory"]["heap"]
    assert heap["ranges"] == [{"start": PAGE, "end": 2 * PAGE}, {"start": 5 * PAGE, "end": 6 * PAGE}]
    assert heap["map"][1] == 1
    assert document["memory"]["stable"] is None
    assert json.loads(json.dumps(document)) == document


def test_all_ranges_are_in_json_when_they_are_wanted() -> None:
    comparison = compare_facts(facts(MadeState()), facts(MadeState()), memory={"wasm_memory": pages(*range(0, 60, 2))})
    assert len(comparison_json(comparison)["memory"]["heap"]["ranges"]) == 10
    assert len(comparison_json(comparison, PARTS, all_ranges=True)["memory"]["heap"]["ranges"]) == 30


def test_sets_are_shown_one_canister_below_the_other_and_then_what_is_on_one_side() -> None:
    comparison = changed_in_everything()
    shown = texts(diff_lines(Diff((comparison, comparison), ("old",), ("new",))))
    assert len([line for line in shown if line.startswith(NAME)]) == 2
    assert shown[-2:] == ["Only on the left: old", "Only on the right: new"]
