"""Which canisters the Cycles view shows and asks for, its table, and what it exports."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from quri_console.monitor.fleet import FleetStatus, Health
from quri_console.monitor.forecast import NoForecast
from quri_console.render.cycles_ahead import ahead_of
from quri_console.render.cycles_export import CSV_COLUMNS, export_name, export_text
from quri_console.render.cycles_plot import (
    MOST_SERIES,
    plot_of,
    shown_canisters,
)
from quri_console.render.cycles_request import BURNS_AT_ONCE, BurnBook, Wish, burns_wanted, request_of, wish_of
from quri_console.render.cycles_table import runway_rows
from quri_console.render.cycles_window import RANGES
from tests.support.cycle_pictures import (
    BILLION,
    BURN,
    DAY,
    FLEET,
    HOSTILE,
    TRILLION,
    burn_of,
    chart_of,
    day_window,
    fleet_of,
    forecast,
    picture_of,
)
from tests.support.fleets import HEALTHY, NEVER_SEEN, NOW_NS, REGISTRY, RUNE, SECOND


def test_the_table_has_the_soonest_first_and_the_unknown_last() -> None:
    frozen = replace(HEALTHY, name="frozen", canister_id="f", runway_seconds=0.0, health=Health("critical"))
    far = replace(HEALTHY, name=HOSTILE, canister_id="h", runway_seconds=1e20, stale=True)
    fleet = fleet_of(replace(NEVER_SEEN, canister_id="n"), far, HEALTHY, frozen)
    rows = runway_rows(
        fleet, {RUNE: BURN, "f": replace(burn_of(NoForecast("no interval yet: 3 of 14 days of history")))}, NOW_NS
    )
    assert [row.key for row in rows] == ["f", RUNE, "h", "n"]
    texts = {row.key: [cell.text for cell in row.cells] for row in rows}
    assert texts["f"][3:6] == ["frozen", "now", "3 of 14 days"]
    assert texts[RUNE] == ["rune-engine", "5 T", "≈12 B", "≈90d", "Sep 13 ± 10 d", "24 of 30", ""]
    assert texts["h"][0] == "\\e[31m[bold]evil[/]\\u{202e}"
    assert texts["h"][3:5] == [">100y", "not in 100 years"]
    assert texts["n"][1:5] == ["–"] * 4
    assert {cell.role for cell in rows[2].cells[1:5]} == {"stale"}


@pytest.mark.parametrize(
    ("marked", "chosen", "shown"),
    [
        ((), None, ("a",)),
        ((), "b", ("b",)),
        ((), "gone", ("a",)),
        (("b", "c"), "c", ("c", "b")),
        (("b", "c"), "a", ("b", "c")),
        (("gone",), "b", ("b",)),
        (tuple("abcdefg"), "g", ("g", *"abcdefg"[: MOST_SERIES - 1])),
    ],
)
def test_which_canisters_are_shown(marked: tuple[str, ...], chosen: str | None, shown: tuple[str, ...]) -> None:
    assert shown_canisters("abcdefg", marked, chosen) == shown


def test_no_canisters_are_shown_of_no_fleet() -> None:
    assert shown_canisters((), (), "a") == ()


USUAL = Wish()


def test_a_request_changes_with_what_is_seen_and_not_before() -> None:
    def asked(at_ns: int, fleet: FleetStatus = FLEET, wish: Wish = USUAL, burns: int = 0) -> object:
        return request_of(fleet, (RUNE,), wish, (80, 12), at_ns, burns=burns)

    assert asked(NOW_NS) == asked(NOW_NS + SECOND)
    assert asked(NOW_NS) != asked(NOW_NS + DAY)
    assert asked(NOW_NS) != asked(NOW_NS, burns=1)
    assert asked(NOW_NS) != asked(NOW_NS, wish=Wish(from_zero=True))
    assert asked(NOW_NS) != asked(NOW_NS, fleet_of(replace(HEALTHY, sampled_at_ns=NOW_NS)))
    assert request_of(fleet_of(NEVER_SEEN), (RUNE,), Wish(), (80, 12), NOW_NS, burns=0).window.future == 0


def test_the_scale_begins_at_zero_over_long_times_unless_chosen() -> None:
    assert [Wish(number).begins_at_zero for number in range(len(RANGES))] == [False] * 3 + [True] * 4
    assert Wish(0, from_zero=True).begins_at_zero
    assert Wish(6).label == "5 y"


def test_large_fleets_are_not_forecast_at_once() -> None:
    many = fleet_of(*(replace(HEALTHY, canister_id=str(number)) for number in range(BURNS_AT_ONCE + 1)))
    assert burns_wanted(many, ("7",)) == ("7",)
    assert burns_wanted(FLEET, (RUNE,)) == (RUNE, REGISTRY)


def test_forecasts_are_read_again_when_they_are_old_or_others() -> None:
    book = BurnBook()
    assert book.asks(FLEET, (RUNE,), NOW_NS) == (RUNE, REGISTRY)
    assert book.asks(FLEET, (RUNE,), NOW_NS + SECOND) == ()
    assert book.asks(fleet_of(HEALTHY), (RUNE,), NOW_NS + SECOND) == (RUNE,)
    assert book.asks(fleet_of(HEALTHY), (RUNE,), NOW_NS + DAY) == (RUNE,)
    book.take((BURN,))
    assert (book.burns, book.number) == ({RUNE: BURN}, 1)


@pytest.mark.parametrize(
    ("label", "from_zero", "wish"),
    [
        ("5 y", False, Wish(6, from_zero=False)),
        ("never", "yes", Wish()),
        (None, None, Wish()),
    ],
)
def test_an_earlier_choice(label: object, from_zero: object, wish: Wish) -> None:
    assert wish_of(label, from_zero) == wish


def test_what_is_expected_needs_a_balance_and_a_burn() -> None:
    assert ahead_of(None, None) is None
    assert ahead_of(NEVER_SEEN, None) is None
    assert ahead_of(replace(HEALTHY, burn_per_day=None), None) is None
    plainly = ahead_of(HEALTHY, None)
    assert plainly is not None
    assert plainly.band(NOW_NS) is None
    known = ahead_of(HEALTHY, BURN)
    assert known is not None
    low, high = known.band(NOW_NS + 50 * DAY) or (0, 0)
    assert low < known.balance(known.expected, NOW_NS + 50 * DAY)
    assert low < high
    assert known.balance(1e30, NOW_NS + DAY) == 0
    endless = ahead_of(HEALTHY, burn_of(forecast(80, None)))
    assert endless is not None
    assert endless.slowest == 0.0
    assert ahead_of(HEALTHY, replace(BURN, freezing_limit=6 * TRILLION)).fastest is None  # type: ignore[union-attr]


def test_the_export_has_every_column_with_something_in_it() -> None:
    window = day_window()
    picture = picture_of(window, replace(chart_of(window), name="=HYPERLINK(1)"))
    rows = list(csv.DictReader(io.StringIO(export_text("csv", picture, {}, {}))))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert len(rows) == window.columns
    assert rows[0]["canister"] == "'=HYPERLINK(1)"
    assert {row["kind"] for row in rows[window.past :]} == {"expected"}
    assert rows[3]["events"].startswith("topped up by ≈ 1 T; module changed")
    assert int(rows[3]["cycles"]) == 5 * TRILLION - 3 * 5 * BILLION


def test_the_document_says_all_that_is_known() -> None:
    window = day_window()
    picture = picture_of(window, chart_of(window, top=10**38))
    document = json.loads(export_text("json", picture, {RUNE: HEALTHY}, {RUNE: BURN}))
    assert document["canisters"][0]["freezing_limit"] == HEALTHY.freezing_limit
    assert document["columns"][0]["cycles"] == 10**38
    assert document["burn"][0]["forecast"]["inside"] == 24
    assert document["canisters"][0]["events"][1]["after"] == HOSTILE


def test_columns_in_which_nothing_was_seen_are_not_exported() -> None:
    window = day_window()
    empty = replace(chart_of(window), balances=(), burnt=(), events=())
    picture = plot_of((empty,), window, fleet_of(NEVER_SEEN), {}, from_zero=True)
    assert export_text("csv", picture, {}, {}).count("\n") == 1
    assert json.loads(export_text("json", picture, {}, {}))["canisters"][0]["freezing_limit"] is None


def test_the_name_of_an_export() -> None:
    window = day_window()
    one, two = chart_of(window), chart_of(window, canister=REGISTRY)
    assert export_name(picture_of(window, one), NOW_NS) == f"cycles-{RUNE}-20250615T150640Z.csv"
    assert "-and-1-more-" in export_name(picture_of(window, one, two), NOW_NS)
