"""The main view: every canister in one table, the selected one below or beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.containers import Container, VerticalScroll
from textual.widgets import Input

from quri_console.render.actions import FLEET
from quri_console.render.filtering import FleetFilter, parse_filter
from quri_console.render.fleet_kept import KeptRows
from quri_console.render.fleet_shown import (
    FleetOrder,
    FleetShown,
    fleet_shown,
    has_groups,
    order_line,
    remembered_order,
)
from quri_console.ui.keys import bindings_of_view
from quri_console.ui.screens.fleet_actions import FleetActions
from quri_console.ui.widgets.canister_detail import CanisterDetail
from quri_console.ui.widgets.fleet_table import FleetTable
from quri_console.ui.widgets.line_table import LineTable
from quri_console.ui.widgets.lines_view import LinesView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.timer import Timer

    from quri_console.monitor.canister_facts import CanisterFacts
    from quri_console.monitor.fleet import CanisterView, FleetStatus

WIDE = 160
"""From here on the selected canister stands beside the table."""
REST_SECONDS = 0.3
"""How long the cursor rests before more than the picture is read of a canister."""
FACT_SECONDS = 60.0
"""How old what was read may be."""


class FleetScreen(FleetActions):
    """Shows the newest picture of the fleet; selection is a canister, never a row number."""

    VIEW = FLEET
    CSS_PATH = "fleet.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of_view(FLEET)
    # Textual types it so that it cannot be annotated here
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self._filter = FleetFilter()
        self._order = FleetOrder()
        self._kept = KeptRows()
        self._shown: FleetShown | None = None
        self._facts: CanisterFacts | None = None
        self._facts_at = float("-inf")
        self._resting: Timer | None = None
        self._hidden_selection: str | None = None

    def body(self) -> ComposeResult:
        with Container(id="page"):
            yield FleetTable()
            with VerticalScroll(id="beside", can_focus=False):
                yield CanisterDetail()
        yield LinesView(id="order")
        field = Input(placeholder="letters, /pattern/, is:critical, !not this", id="filter")
        field.cursor_blink = False
        yield field

    def on_mount(self) -> None:
        self._restore()
        self.query_one("#filter", Input).display = False
        super().on_mount()
        self.query_one(FleetTable).focus()

    def _restore(self) -> None:
        """Sorted, grouped and filtered as it was left."""
        state = self.quri.session_state
        self._order = remembered_order(
            state.get(FLEET, "sort"), state.get(FLEET, "descending"), state.get(FLEET, "grouping")
        )
        self._filter = parse_filter(str(state.get(FLEET, "filter") or ""))

    def _remember(self) -> None:
        state = self.quri.session_state
        state.put(FLEET, "sort", self._order.sort)
        state.put(FLEET, "descending", self._order.descending)
        state.put(FLEET, "grouping", self._order.grouping)
        state.put(FLEET, "filter", self._filter.text)

    # showing

    def show_fleet(self, fleet: FleetStatus) -> None:
        table = self.query_one(FleetTable)
        selected = self.quri.selected_id
        width = table.size.width or self.app.size.width
        self._order = self._order.within(fleet)
        self._shown = fleet_shown(
            fleet, self._filter, self._order, self.now_ns, keep=selected, width=width, kept=self._kept
        )
        table.show(self._shown, self._order.sorted_by)
        if selected is not None:
            table.select(selected)
        else:
            self.quri.selected_id = table.cursor_key
        self._show_order()
        self._show_detail()

    def _show_order(self) -> None:
        """What the filter hides, and what the header cannot tell; no line where there is nothing to say."""
        if self._shown is None:
            return
        table, line = self.query_one(FleetTable), self.query_one("#order", LinesView)
        marked = len(self.marked)
        said = order_line(self._shown, self._filter, self._order, table.visible_columns, marked)
        line.display = bool(said)
        line.show_lines([said] if said else [])

    @on(LineTable.Highlighted)
    def _follow_cursor(self, event: LineTable.Highlighted) -> None:
        self.quri.selected_id = event.key
        if not self.query_one("#filter", Input).has_focus:
            self._hidden_selection = None
        self._show_order()
        self._show_detail()
        self.show_keys()

    def _show_detail(self) -> None:
        selected = self.selected
        known = self._facts if selected is not None and self._about(selected) else None
        long = self.has_class("-wide") or self.has_class("more")
        for detail in self.query(CanisterDetail):
            detail.show(selected, self.now_ns, facts=known, long=long)
        self._read_when_resting(selected)

    def _about(self, view: CanisterView) -> bool:
        return self._facts is not None and self._facts.canister_id == view.canister_id

    def _read_when_resting(self, view: CanisterView | None) -> None:
        """Read the rest of what is known once the cursor stands still; what is young enough is not read again."""
        young = self.quri.console_door.clock.monotonic() - self._facts_at < FACT_SECONDS
        if view is None or (self._about(view) and young):
            return
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(REST_SECONDS, self._read_facts)

    def _read_facts(self) -> None:
        selected, door = self.selected, self.quri.console_door
        if selected is not None and self.is_current:
            self.fetch(lambda: door.canister_facts(selected.canister_id), self._show_facts, group="facts")

    def _show_facts(self, facts: CanisterFacts) -> None:
        self._facts, self._facts_at = facts, self.quri.console_door.clock.monotonic()
        self._show_detail()

    def text_to_copy(self) -> str:
        return self.query_one(FleetTable).text_of_rows()

    @property
    def marked(self) -> Sequence[CanisterView]:
        """The marked canisters that are shown, in their order."""
        table, fleet = self.query_one(FleetTable), self.quri.fleet
        if fleet is None or not table.marked:
            return ()
        views = {view.canister_id: view for view in fleet.canisters}
        return [views[row.key] for row in table.rows if row.key in table.marked and row.key in views]

    # sorting, grouping, filtering

    def _reorder(self, order: FleetOrder) -> None:
        self._order = order
        self._remember()
        self.query_one(FleetTable).rearrange(self.quri.selected_id)
        self.redraw()

    def action_fleet_sort(self) -> None:
        self._reorder(self._order.next_column())

    def action_fleet_reverse(self) -> None:
        self._reorder(self._order.reversed())

    def action_fleet_group(self) -> None:
        fleet = self.quri.fleet
        self._reorder(self._order.next_grouping(groups=fleet is not None and has_groups(fleet.canisters)))

    def action_fleet_filter(self) -> None:
        """Open the line in which the filter is typed."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.value = self._filter.text
        field.focus()

    @on(Input.Changed, "#filter")
    def _filter_typed(self, event: Input.Changed) -> None:
        if event.value.strip() != self._filter.text:
            self._use_filter(event.value)

    @on(Input.Submitted, "#filter")
    def _filter_entered(self) -> None:
        if self.quri.selected_id is not None:
            self._hidden_selection = None
        self._to_the_table()

    def _to_the_table(self) -> None:
        self.query_one("#filter", Input).display = False
        self.query_one(FleetTable).focus()

    def action_fleet_all(self) -> None:
        """End the filter and take the marks away."""
        self._to_the_table()
        self.query_one(FleetTable).clear_marks()
        self._use_filter("")

    def _use_filter(self, text: str) -> None:
        self._filter = parse_filter(text)
        self._remember()
        fleet, wanted = self.quri.fleet, self._hidden_selection or self.quri.selected_id
        view = fleet.canister(wanted) if fleet is not None and wanted is not None else None
        shown = view is not None and self._filter.shows(view, self.now_ns)
        # one that the filter hides is chosen again when it is shown again
        self._hidden_selection = None if shown else wanted
        self.quri.selected_id = wanted if shown else None
        self.query_one(FleetTable).rearrange(self.quri.selected_id)
        self.redraw()

    # the detail

    def action_fleet_more(self) -> None:
        """More room for the selected canister, or for the table again."""
        self.toggle_class("more")
        self.query_one("#beside", VerticalScroll).scroll_home(animate=False)
        self.call_after_refresh(self.redraw)

    def action_read_detail(self, pages: int) -> None:
        """Further down or up in what is said of the selected canister."""
        area = self.query_one("#beside", VerticalScroll)
        area.scroll_relative(y=pages * max(area.size.height - 1, 1), animate=False)
