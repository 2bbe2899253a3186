"""What a filter shows, what it hides, and that it never does so silently."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quri_console.monitor.fleet import Health
from quri_console.render.filtering import STATES, parse_filter
from quri_console.render.fleet_shown import (
    FLEET_COLUMNS,
    FleetOrder,
    columns_of,
    fleet_shown,
    has_groups,
    order_line,
    remembered_order,
)
from quri_console.render.spans import plain
from tests.support.fleets import HEALTHY, NEVER_SEEN, NOW_NS, SECOND, fleet, view

A = view(name="rune-engine", canister_id="a", group="core", cycles=5, sampled_at_ns=NOW_NS, criticality="low")
B = view(name="Registry", canister_id="b", cycles=9, status="stopped", health=Health("critical"), sampled_at_ns=NOW_NS)
C = view(name="old", canister_id="c", cycles=1, stale=True, health=Health("warning"), alert="firing")
D = replace(NEVER_SEEN, name="never", canister_id="d", criticality="medium")
FLEET = fleet(A, B, C, D)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", "abcd"),
        ("  ", "abcd"),
        ("!", "abcd"),
        ("r", "abd"),
        ("REG", "b"),
        ("core", "a"),
        ("!reg", "acd"),
        ("/^r/", "ab"),
        ("/^r", "ab"),
        ("/", "abcd"),
        ("!/^r/", "cd"),
        ("is:critical", "b"),
        ("is: Warning", "c"),
        ("is:stale", "cd"),
        ("!is:stale", "ab"),
        ("is:stopped", "b"),
        ("is:unknown", "d"),
        ("is:ok", "a"),
        ("is:firing", "c"),
        ("nobody", ""),
    ],
)
def test_what_is_shown(text: str, ids: str) -> None:
    wanted = parse_filter(text)
    assert not wanted.problem
    assert "".join(one.canister_id for one in FLEET.canisters if wanted.shows(one, NOW_NS)) == ids


@pytest.mark.parametrize("text", ["/(/", "/[z-a]/", "is:", "is:fine\x1b", "!is:x", "/" + "(" * 5000])
def test_a_filter_that_means_nothing_hides_nothing_and_says_why(text: str) -> None:
    wanted = parse_filter(text)
    assert wanted.problem
    assert all(wanted.shows(one, NOW_NS) for one in FLEET.canisters)
    line = plain(order_line(fleet_shown(FLEET, wanted, FleetOrder(), NOW_NS), wanted, FleetOrder(), frozenset()))
    assert line.startswith("The filter is not used: ")
    assert "\x1b" not in line


def said(text: str, order: FleetOrder | None = None, **more: int) -> str:
    order, wanted = order or FleetOrder(), parse_filter(text)
    visible = frozenset({"name", "health"})
    return plain(order_line(fleet_shown(FLEET, wanted, order, NOW_NS), wanted, order, visible, **more))


def test_the_line_says_what_is_hidden_and_critical_ones_above_all() -> None:
    assert said("") == ""
    assert said("is:stale") == "2 of 4 shown: is:stale · 1 critical is hidden · Esc shows all"
    assert said("is:critical") == "1 of 4 shown: is:critical · Esc shows all"
    assert said("x\x1b[2J") == "0 of 4 shown: x\\e[2J · 1 critical is hidden · Esc shows all"
    assert said("", FleetOrder("memory", grouping="group"), marked=2) == (
        "2 marked · grouped by group · sorted by Memory, which has no room here"
    )
    assert said("", FleetOrder("health")) == ""


def test_the_canister_under_the_cursor_is_kept_but_does_not_count() -> None:
    shown = fleet_shown(FLEET, parse_filter("old"), FleetOrder(), NOW_NS, keep="b")
    assert [row.key for row in shown.rows] == ["b", "c"]
    assert (shown.matching, shown.total, shown.hidden_critical) == (1, 4, 0)


def order_of(order: FleetOrder) -> str:
    return "".join(row.key for row in fleet_shown(FLEET, parse_filter(""), order, NOW_NS).rows)


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        (FleetOrder(), "abcd"),
        (FleetOrder("name"), "dcba"),
        (FleetOrder("cycles"), "abcd"),
        (FleetOrder("cycles", descending=True), "bacd"),
        (FleetOrder("health", descending=True), "bcda"),
        (FleetOrder("age"), "cabd"),
        (FleetOrder("age", descending=True), "abcd"),
        (FleetOrder(grouping="criticality"), "bcda"),
        (FleetOrder("name", grouping="criticality"), "cbda"),
        (FleetOrder(grouping="group"), "abcd"),
        (FleetOrder("gone"), "abcd"),
    ],
)
def test_what_is_stale_comes_behind_what_is_fresh_and_what_is_not_known_last(order: FleetOrder, ids: str) -> None:
    assert order_of(order) == ids


@pytest.mark.parametrize("grouping", ["", "criticality", "group"])
def test_every_column_can_be_sorted_by_and_then_it_is_as_configured_again(grouping: str) -> None:
    order = seen = remembered_order("", False, grouping)
    keys = []
    for _ in columns_of(order.grouping):
        seen = seen.next_column()
        keys.append(seen.sort)
        assert sorted(order_of(seen)) == sorted(order_of(seen.reversed())) == ["a", "b", "c", "d"]
    assert keys == [column.key for column in columns_of(order.grouping)]
    assert seen.next_column() == order


def test_the_worst_comes_first_when_a_column_is_chosen() -> None:
    assert not FleetOrder("status").next_column().descending  # the least cycles
    assert FleetOrder("name").next_column() == FleetOrder("health", descending=True)


def test_a_kept_order_is_used_as_far_as_it_means_something() -> None:
    assert remembered_order("cycles", True, "group") == FleetOrder("cycles", True, "group")
    assert remembered_order("group", True, "") == FleetOrder()
    assert remembered_order(None, 1, 7) == FleetOrder()
    assert FleetOrder("group", grouping="group").next_grouping() == FleetOrder()


def test_columns_for_which_not_even_the_titles_leave_room_are_not_made() -> None:
    narrow = fleet_shown(FLEET, parse_filter(""), FleetOrder("module"), NOW_NS, width=80)
    keys = [column.key for column in narrow.columns]
    assert "module" in keys
    assert "ready" not in keys
    assert all(len(row.cells) == len(keys) for row in narrow.rows)
    assert fleet_shown(FLEET, parse_filter(""), FleetOrder(), NOW_NS, width=200).columns == FLEET_COLUMNS


def test_a_picture_that_no_newer_one_followed_is_stale() -> None:
    assert parse_filter("is:stale").shows(HEALTHY, NOW_NS + 600 * SECOND)
    assert set(STATES) >= {"critical", "warning", "stale", "stopped", "unknown"}


def test_a_group_column_in_which_nothing_would_stand_is_left_out_and_that_is_said() -> None:
    order = FleetOrder(grouping="group")
    for text, grouped in (("", True), ("rune", True), ("old", False), ("nobody", True)):
        wanted = parse_filter(text)
        shown = fleet_shown(FLEET, wanted, order, NOW_NS)
        assert any(column.key == "group" for column in shown.columns) is grouped, text
        line = plain(order_line(shown, wanted, order, frozenset()))
        assert ("grouped by group: none of these is in one" in line) is not grouped
    assert "".join(row.key for row in fleet_shown(FLEET, parse_filter("!rune"), order, NOW_NS).rows) == "bcd"


def test_where_there_are_no_groups_the_key_goes_on_to_the_next_grouping() -> None:
    assert has_groups([A, B])
    assert not has_groups([B, C, D])
    found, order = [], FleetOrder()
    for _ in range(4):
        order = order.next_grouping(groups=False)
        found.append(order.grouping)
    assert found == ["criticality", "", "criticality", ""]
    assert FleetOrder(grouping="group").next_grouping(groups=False).grouping == ""
