"""From what is known of canisters to the marks of a chart: balances with their gaps, limits, the band ahead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quri_console.monitor.chart_data import Balance, CyclesChart
from quri_console.render.chart import LINE, Marks, Plot
from quri_console.render.chart_scale import Scale, scale_of
from quri_console.render.cycles_ahead import Ahead, ahead_of
from quri_console.render.cycles_window import Window, ticks
from quri_console.units import DAY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from quri_console.monitor.burn_report import CanisterBurn
    from quri_console.monitor.fleet import CanisterView, FleetStatus

SERIES_ROLES = ("spark", "delta-up", "delta-changed", "status-unknown", "plain")
MOST_SERIES = len(SERIES_ROLES)
"""How many canisters one chart can show so that they can be told apart."""

_SWING = 50
_LABEL_ROWS = 4


@dataclass(frozen=True, slots=True)
class Limit:
    """A balance that means something."""

    words: str
    cycles: int
    role: str
    glyph: str
    ascii_glyph: str


@dataclass(frozen=True, slots=True)
class CyclesPlot:
    """Everything that one picture is made of. `charts` begin with the canister that limits and burn are of."""

    charts: tuple[CyclesChart, ...]
    window: Window
    limits: tuple[Limit, ...]
    ahead: Mapping[str, Ahead]
    """By canister id."""
    from_zero: bool = True
    ascii_only: bool = False

    @property
    def banded(self) -> bool:
        """Whether the interval of a forecast is drawn: of several canisters the bands would cover each other."""
        known = any(ahead.fastest is not None for ahead in self.ahead.values())
        return bool(self.window.future) and len(self.charts) == 1 and known

    @property
    def scale(self) -> Scale:
        """The balances that it spans."""
        seen = [level for chart in self.charts for b in chart.balances for level in (b.lowest, b.highest)]
        return scale_of([*seen, *self._to_come()], (limit.cycles for limit in self.limits), from_zero=self.from_zero)

    def _to_come(self) -> Iterator[int]:
        if not self.window.future:
            return
        for ahead in self.ahead.values():
            yield ahead.balance(ahead.expected, self.window.end_ns)
            yield from ahead.band(self.window.end_ns) or ()


def plot_of(
    charts: Sequence[CyclesChart],
    window: Window,
    fleet: FleetStatus,
    burns: Mapping[str, CanisterBurn],
    *,
    from_zero: bool,
    ascii_only: bool = False,
) -> CyclesPlot:
    """What is drawn of these canisters; the forecasts of `burns` as far as they are there."""
    aheads = {
        chart.canister_id: ahead_of(fleet.canister(chart.canister_id), burns.get(chart.canister_id)) for chart in charts
    }
    limits = limits_of(fleet.canister(charts[0].canister_id), charts[0]) if charts else ()
    known = {key: ahead for key, ahead in aheads.items() if ahead is not None}
    return CyclesPlot(tuple(charts), window, limits, known, from_zero=from_zero, ascii_only=ascii_only)


def shown_canisters(known: Sequence[str], marked: Collection[str], chosen: str | None) -> tuple[str, ...]:
    """Which of the known canisters a chart shows: the marked ones, else the chosen one, else the first.

    The chosen one stands first where it is among them, because limits and burn are those of the first.
    """
    among = [key for key in known if key in marked]
    if among:
        return tuple(sorted(among, key=lambda key: key != chosen))[:MOST_SERIES]
    return (chosen,) if chosen is not None and chosen in known else tuple(known[:1])


def limits_of(view: CanisterView | None, chart: CyclesChart) -> tuple[Limit, ...]:
    """The freezing limit and the thresholds of a canister."""
    frozen = view.freezing_limit if view is not None else None
    limits = [] if frozen is None else [Limit("freezing limit", frozen, "status-critical", "─", "=")]
    if chart.critical_cycles > 0:
        limits.append(Limit("critical", chart.critical_cycles, "status-critical", "╌", "-"))
    if chart.warning_cycles > 0:
        limits.append(Limit("warning", chart.warning_cycles, "status-warning", "┄", "~"))
    return tuple(limits)


def marks_of(picture: CyclesPlot, rows: int) -> Plot:
    """The marks for a plot of that many rows."""
    scale, window = picture.scale, picture.window
    marks = [*_now_line(picture, rows), *_limit_lines(picture, scale)]
    for number, chart in reversed(list(enumerate(picture.charts))):
        role = SERIES_ROLES[number % MOST_SERIES]
        glyph = LINE if len(picture.charts) == 1 else str(number + 1)
        ahead = picture.ahead.get(chart.canister_id)
        if ahead is not None and window.future:
            marks += _ahead_marks(picture, ahead, scale, rows, role, banded=picture.banded)
        marks += _balance_marks(chart, window, scale, role, glyph)
    return Plot(tuple(marks), ticks(window), scale.labels(max(rows // _LABEL_ROWS + 1, 2)))


def _now_line(picture: CyclesPlot, rows: int) -> Iterator[Marks]:
    if picture.window.future:
        levels = tuple(row / max(rows - 1, 1) for row in range(rows))
        place = float(picture.window.past - 1)
        yield Marks((place,) * rows, levels, "muted", ":" if picture.ascii_only else "┊")


def _limit_lines(picture: CyclesPlot, scale: Scale) -> Iterator[Marks]:
    columns = tuple(float(column) for column in range(picture.window.columns))
    for limit in reversed(picture.limits):
        if scale.holds(limit.cycles):
            glyph = limit.ascii_glyph if picture.ascii_only else limit.glyph
            yield Marks(columns, (scale.level(limit.cycles),) * len(columns), limit.role, glyph)


def _ahead_marks(
    picture: CyclesPlot, ahead: Ahead, scale: Scale, rows: int, role: str, *, banded: bool
) -> Iterator[Marks]:
    window = picture.window
    moments = [window.start_ns(column) + window.column_ns // 2 for column in range(window.past, window.columns)]
    places = [float(column) for column in range(window.past, window.columns)]
    if banded:
        cells = [
            cell
            for place, at_ns in zip(places, moments, strict=True)
            for cell in _band(ahead, at_ns, scale, rows, place)
        ]
        yield Marks(tuple(x for x, _ in cells), tuple(y for _, y in cells), "muted", "%" if picture.ascii_only else "░")
    levels = tuple(scale.level(ahead.balance(ahead.expected, at_ns)) for at_ns in moments)
    yield Marks(tuple(places), levels, role, "." if picture.ascii_only else "·")


def _band(ahead: Ahead, at_ns: int, scale: Scale, rows: int, place: float) -> Iterator[tuple[float, float]]:
    found = ahead.band(at_ns)
    if found is None:
        return
    most = max(rows - 1, 1)
    first, last = (round(min(max(scale.level(cycles), 0.0), 1.0) * most) for cycles in found)
    for row in range(first, last + 1):
        yield place, row / most


def _balance_marks(chart: CyclesChart, window: Window, scale: Scale, role: str, glyph: str) -> Iterator[Marks]:
    for stretch in stretches(chart):
        points = [point for balance in stretch for point in _points(balance, window, scale)]
        yield Marks(tuple(x for x, _ in points), tuple(y for _, y in points), role, glyph, joined=True)


def _points(balance: Balance, window: Window, scale: Scale) -> Iterator[tuple[float, float]]:
    place = min(max(window.place(balance.at_ns), 0.0), float(window.past - 1))
    if (balance.highest - balance.lowest) * _SWING > scale.high - scale.low:
        yield place, scale.level(balance.highest)
        yield place, scale.level(balance.lowest)
    yield place, scale.level(balance.cycles)


def stretches(chart: CyclesChart) -> Iterator[Sequence[Balance]]:
    """The balances between which nobody looked away: a line through a gap would claim knowledge."""
    stretch: list[Balance] = []
    for balance in chart.balances:
        if stretch and balance.at_ns - stretch[-1].at_ns > chart.gap_ns:
            yield stretch
            stretch = []
        stretch.append(balance)
    if stretch:
        yield stretch


def column_balances(chart: CyclesChart, window: Window) -> dict[int, Balance]:
    """The balances of each column: its last, lowest and highest."""
    found: dict[int, Balance] = {}
    for balance in chart.balances:
        column = window.column(balance.at_ns)
        before = found.get(column, balance)
        found[column] = Balance(
            balance.at_ns,
            balance.cycles,
            min(before.lowest, balance.lowest),
            max(before.highest, balance.highest),
        )
    return found


def column_burns(chart: CyclesChart, window: Window) -> tuple[float | None, ...]:
    """Cycles per day in each column of the past; None where nothing was seen.

    A column that is shorter than an hour (or day) shows the burn of the one that it lies in.
    """
    slot_ns = chart.slot_seconds * 10**9
    burnt: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for slot in chart.burnt:
        for column in _columns_of(slot.start_ns, slot_ns, window):
            burnt[column] = burnt.get(column, 0) + slot.burnt
            seconds[column] = seconds.get(column, 0.0) + slot.seconds
    return tuple(
        burnt[column] * DAY_SECONDS / seconds[column] if seconds.get(column) else None for column in range(window.past)
    )


def _columns_of(start_ns: int, slot_ns: int, window: Window) -> range:
    """The columns whose middle lies in a slot; when there is none, the one that holds its middle."""
    half = window.column_ns // 2
    first = -(-(start_ns - half - window.since_ns) // window.column_ns)
    last = -(-(start_ns + slot_ns - half - window.since_ns) // window.column_ns)
    if first >= last:
        first = window.column(start_ns + slot_ns // 2)
        last = first + 1
    return range(max(first, 0), min(last, window.past))
