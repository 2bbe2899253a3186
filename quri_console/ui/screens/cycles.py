"""The cycles view: balances over time with what is ahead of them, burn, and how long each canister lasts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, VerticalScroll

from quri_console.errors import QuriError
from quri_console.monitor.fleet import FleetStatus
from quri_console.render.actions import CYCLES
from quri_console.render.cycles_export import FORMATS, export_name, export_text
from quri_console.render.cycles_picture import ChartPicture, chart_picture
from quri_console.render.cycles_plot import CyclesPlot, plot_of, shown_canisters
from quri_console.render.cycles_request import BurnBook, ChartRequest, Wish, request_of, wish_of
from quri_console.render.cycles_window import RANGES, same_moment
from quri_console.render.cycles_words import cursor_lines, heading_lines, legend_lines, more_lines
from quri_console.render.spans import plain
from quri_console.ui.keys import bindings_of_view
from quri_console.ui.screens.view import ViewScreen
from quri_console.ui.widgets.chart import ChartView, SpanLines
from quri_console.ui.widgets.chart_export import ask_and_export
from quri_console.ui.widgets.chart_table import RunwayTable
from quri_console.ui.widgets.line_table import LineTable
from quri_console.ui.widgets.lines_view import LinesView

if TYPE_CHECKING:
    from quri_console.monitor.burn_report import CanisterBurn

BELOW = ("table", "words", "chart")
WIDE, TALL = 140, 34
"""From here on there is room for table and words beside, or below, the chart."""
LOW = 20
"""Below this many lines the chart stands alone until somebody asks for more."""


class CyclesScreen(ViewScreen):
    """Charts the marked canisters, or the one under the cursor."""

    VIEW = CYCLES
    CSS_PATH = "cycles.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of_view(CYCLES)
    # Textual types them so that they cannot be annotated here
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (TALL, "-tall")]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self._wish = Wish()
        self._below: int | None = None
        self._asked: ChartRequest | None = None
        self._plot: CyclesPlot | None = None
        self._failure = ""
        self._book = BurnBook()

    def body(self) -> ComposeResult:
        with Container(id="page"):
            with Container(id="picture"):
                yield SpanLines(id="heading")
                yield ChartView(id="chart", ascii_only=self._ascii_only)
                yield SpanLines(id="reading")
            with Container(id="side"):
                yield RunwayTable()
                with VerticalScroll(id="more", can_focus=False):
                    yield LinesView(id="words")

    def on_mount(self) -> None:
        state = self.quri.session_state
        self._wish = wish_of(state.get(CYCLES, "range"), state.get(CYCLES, "from_zero"))
        super().on_mount()
        self._arrange()
        self.query_one(RunwayTable).focus()

    @property
    def _ascii_only(self) -> bool:
        return self.quri.manner.ascii

    def show_fleet(self, fleet: FleetStatus) -> None:
        table = self.query_one(RunwayTable)
        table.show(fleet, self._book.burns, self.now_ns)
        table.select(self.quri.selected_id)
        self._read()
        self._read_burns(fleet)

    @on(LineTable.Highlighted)
    def _follow_cursor(self, event: LineTable.Highlighted) -> None:
        self.quri.selected_id = event.key or self.quri.selected_id
        self.show_keys()
        if self.quri.fleet is not None:
            self._read()
            self._read_burns(self.quri.fleet)

    @on(ChartView.Resized)
    def _fill_room(self) -> None:
        self._read()

    @property
    def shown_canisters(self) -> tuple[str, ...]:
        """What the chart shows, by id."""
        fleet, table = self.quri.fleet, self.query_one(RunwayTable)
        known = [view.canister_id for view in fleet.canisters] if fleet is not None else []
        return shown_canisters(known, table.marked, self.quri.selected_id or table.cursor_key)

    # reading

    def _read(self) -> None:
        """Ask for the picture, unless it is the one that is shown."""
        fleet, size = self.quri.fleet, self.query_one(ChartView).size
        if fleet is None or not size.height:
            return
        # while it is paused the picture does not move on either
        now_ns, shown = fleet.taken_at_ns if self.quri.paused else self.now_ns, self.shown_canisters
        asked = request_of(fleet, shown, self._wish, (size.width, size.height), now_ns, burns=self._book.number)
        if asked != self._asked and shown:
            self._asked = asked
            self.fetch(lambda: self._picture(asked, fleet), lambda made: self._show(*made), group="chart")
        elif self._plot is not None:
            self._show_words()

    async def _picture(self, asked: ChartRequest, fleet: FleetStatus) -> tuple[CyclesPlot, ChartPicture]:
        """Read and draw, both beside Textual's loop."""
        window, ascii_only = asked.window, self._ascii_only
        charts = await self.quri.console_door.cycles_charts(
            asked.canisters, since_ns=window.since_ns, until_ns=window.until_ns, points=asked.points
        )
        plot = plot_of(charts, window, fleet, self._book.burns, from_zero=asked.from_zero, ascii_only=ascii_only)
        return plot, chart_picture(plot, asked.height)

    def show_failure(self, error: QuriError) -> None:
        """Say what is wrong once: every round would fail alike."""
        if str(error) != self._failure:
            self._failure = str(error)
            super().show_failure(error)

    def _show(self, plot: CyclesPlot, picture: ChartPicture) -> None:
        self._failure = ""
        before, self._plot, chart = self._plot, plot, self.query_one(ChartView)
        cursor = same_moment(chart.cursor, before.window, plot.window) if before is not None else None
        chart.show(picture, cursor)
        self._show_words()

    def _show_words(self) -> None:
        plot, fleet, column = self._plot, self.quri.fleet, self.query_one(ChartView).cursor
        if plot is None or fleet is None:
            return
        heading = heading_lines(plot.charts, fleet, self._book.burns, self._wish.label, self.now_ns)
        self.query_one("#heading", SpanLines).show_lines(heading)
        reading = legend_lines(plot) if column is None else cursor_lines(plot, column)
        self.query_one("#reading", SpanLines).show_lines(reading)
        self.query_one("#words", LinesView).show_lines(
            more_lines(plot.charts, fleet, self._book.burns, self.now_ns, ascii_only=plot.ascii_only)
        )

    def _read_burns(self, fleet: FleetStatus) -> None:
        """Ask for forecasts: they change with the hour, and cost more than all the rest."""
        canisters = self._book.asks(fleet, self.shown_canisters, self.now_ns)
        door = self.quri.console_door
        if canisters:
            self.fetch(lambda: door.fleet_burn(canisters), self._take_burns, group="burns")

    def _take_burns(self, burns: Iterable[CanisterBurn]) -> None:
        self._book.take(burns)
        self.redraw()

    # what can be done

    @on(LineTable.Chosen)
    def action_show_canister(self) -> None:
        """Go to the canister under the cursor in the Fleet view."""
        if self.possible("show_canister"):
            self.quri.action_view("fleet")

    def action_range(self, step: int) -> None:
        """A longer or a shorter time."""
        number = min(max(self._wish.range_number + step, 0), len(RANGES) - 1)
        self._choose(replace(self._wish, range_number=number))

    def action_read(self, step: int) -> None:
        """Move the cursor; from none it begins at the present, and beyond the ends it stays at them."""
        chart, plot = self.query_one(ChartView), self._plot
        if plot is None:
            return
        before = plot.window.past - 1 if chart.cursor is None else chart.cursor + step
        chart.put_cursor(min(max(before, 0), plot.window.columns - 1))
        self._show_words()

    def action_legend(self) -> None:
        """Take the cursor away."""
        self.query_one(ChartView).put_cursor(None)
        self._show_words()

    def action_scale(self) -> None:
        """From zero on, or over what is seen."""
        self._choose(replace(self._wish, from_zero=not self._wish.begins_at_zero))

    def _choose(self, wish: Wish) -> None:
        self._wish, state = wish, self.quri.session_state
        state.put(CYCLES, "range", wish.label)
        state.put(CYCLES, "from_zero", wish.from_zero)
        self._read()

    def action_below(self) -> None:
        """Another companion of the chart."""
        self._below = (BELOW.index(self._companion) + 1) % len(BELOW)
        self._arrange()

    @property
    def _companion(self) -> str:
        """What stands below the chart, unless there is room for all."""
        if self._below is None:
            return "chart" if self.app.size.height < LOW else "table"
        return BELOW[self._below]

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self._arrange()

    def _arrange(self) -> None:
        """Table and words beside the chart where there is room for both, else one of them."""
        room = self.app.size.width >= WIDE or self.app.size.height >= TALL
        below = self._companion
        self.query_one("#side").set_class(below == "chart", "gone")
        self.query_one("#runway").set_class(below == "words", "gone")
        self.query_one("#more").set_class(below == "table" and not room, "gone")

    def text_to_copy(self) -> str:
        lines = [plain(line).rstrip() for shown in self.query(SpanLines) for line in shown.lines]
        words = str(self.query_one("#words", LinesView).render())
        return "\n".join((*lines, self.query_one(RunwayTable).text_of_rows(), words))

    def action_export(self) -> None:
        """Ask for a file, whose ending says what is written, and write it."""
        if self._plot is None:
            self.app.notify("There is nothing to export yet.", severity="warning")
            return
        ask_and_export(self, export_name(self._plot, self.now_ns), FORMATS, self._exported)

    def _exported(self, kind: str) -> str:
        plot, fleet = self._plot, self.quri.fleet
        assert plot is not None
        assert fleet is not None
        return export_text(kind, plot, {view.canister_id: view for view in fleet.canisters}, self._book.burns)
