"""The restore wizard: what is wrong and what helps, least destructive first; then which restore point."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Static

from quri_console.errors import QuriError
from quri_console.render.escape import escape
from quri_console.render.grid import Column
from quri_console.render.operation import error_lines
from quri_console.render.restore_points import restore_point_lines
from quri_console.render.runbook import help_line
from quri_console.render.spans import Line, Span
from quri_console.render.wizard import POINT_COLUMNS, REMEDY_COLUMNS, point_rows, remedy_lines, remedy_rows
from quri_console.ui.background import as_quri_error, off_loop
from quri_console.ui.screens.question import Answers, Field, Question
from quri_console.ui.widgets.line_table import LineTable
from quri_console.ui.widgets.lines_view import LinesView
from quri_console.units import parse_cycles

if TYPE_CHECKING:
    from quri_console.restore.points import RestorePoints
    from quri_console.restore.remedies import Proposal
    from quri_console.ui.app import QuriApp

T = TypeVar("T")


class WizardPage(Screen[None]):
    """One decision: a table above, what the chosen row means below. Esc always leaves everything as it is."""

    CSS_PATH = "wizard.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.pop_screen", "Back", key_display="Esc"),
    ]
    COLUMNS: ClassVar[tuple[Column, ...]] = ()
    question: ClassVar[str] = ""
    nothing: ClassVar[str] = ""
    """What the table says when there is nothing to choose."""
    enter: ClassVar[str] = "Go on"
    """What Enter does to the row under the cursor, for the line of keys."""

    def __init__(self, canister: str) -> None:
        super().__init__()
        self.canister = canister
        self._help_page = "recovery"

    @property
    def quri(self) -> QuriApp:
        """The application, typed."""
        return cast("QuriApp", self.app)

    def compose(self) -> ComposeResult:
        network = self.quri.console_door.network
        title = f" {self.question} – {escape(self.canister)} on {escape(network.name)}"
        yield Static(title + ("  PRODUCTION" if network.production else ""), id="title", markup=False)
        yield LineTable(self.COLUMNS, id="choices", empty="Looking; nothing is changed …")
        with VerticalScroll(id="more", can_focus=False):
            yield LinesView(id="meaning")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        self.set_class(self.quri.console_door.network.production, "production")
        table = self.query_one(LineTable)
        table.name_enter(self.enter)
        table.focus()
        self.load()

    def load(self) -> None:
        """Ask for what can be chosen."""
        raise NotImplementedError

    async def ask(self, make: Callable[[], Coroutine[Any, Any, T]], show: Callable[[T], None]) -> None:
        """Await `make()` beside Textual's loop and show what comes, or the failure."""
        try:
            found = await off_loop(make)
        except Exception as error:  # noqa: BLE001 - whatever it is, the page must not look for ever
            self.show_failure(as_quri_error(error))
            return
        if self.is_attached:
            self.query_one(LineTable).empty = self.nothing
            show(found)

    @property
    def help_page(self) -> tuple[str, str]:
        """The runbook's page, about this canister: of what failed, else on how to recover."""
        return self._help_page, self.canister

    def show_failure(self, error: QuriError) -> None:
        """Say what went wrong where the meaning of a row stands."""
        from quri_console.report.runbook import section_for_failure

        self._help_page = section_for_failure(error)
        if self.is_attached:
            self.query_one(LineTable).empty = ""
            self.mean([*((span,) for span in error_lines(error)), help_line(self._help_page)])

    def mean(self, lines: list[Line]) -> None:
        """Say what the chosen row means."""
        self.query_one("#meaning", LinesView).show_lines(lines)


class RemediesPage(WizardPage):
    """What is wrong, and what helps."""

    COLUMNS = REMEDY_COLUMNS
    question = "What helps, least destructive first"
    nothing = "Nothing helps from here; below stands what is known."

    def __init__(self, canister: str) -> None:
        super().__init__(canister)
        self._proposal: Proposal | None = None

    def load(self) -> None:
        door = self.quri.console_door
        self.run_worker(self.ask(lambda: door.remedies(self.canister), self._show), exit_on_error=False)

    def _show(self, proposal: Proposal) -> None:
        self._proposal = proposal
        table = self.query_one(LineTable)
        table.show_rows(remedy_rows(proposal))
        if proposal.recommended is not None:
            table.select(proposal.recommended.name)
        self._explain()

    @on(LineTable.Highlighted)
    def _explain(self) -> None:
        if self._proposal is not None:
            self.mean(list(remedy_lines(self._proposal, self.query_one(LineTable).cursor_key)))

    @on(LineTable.Chosen)
    def _choose(self, event: LineTable.Chosen) -> None:
        """To the page of the chosen remedy; nothing is changed by that."""
        key = event.key
        if key in ("backup", "snapshot"):
            self.app.push_screen(PointsPage(self.canister, prefer=key))
        elif key == "top-up":
            amount = Field("Cycles", "2T", "like 500B or 2T")
            self.app.push_screen(Question(f"Top up {escape(self.canister)}", [amount]), self._pay)
        elif key == "create":
            self.app.notify("Use the command below; it prints the new id.", severity="warning")
        elif key is not None:
            from quri_console.ui.screens.remedy import RemedyScreen

            self.app.push_screen(RemedyScreen(self.canister, key))

    def _pay(self, answers: Answers | None) -> None:
        if answers is None:
            return
        from quri_console.ui.screens.remedy import RemedyScreen

        try:
            amount = parse_cycles(answers[0])
        except (QuriError, ValueError):
            self.app.notify(f"{escape(answers[0])!r} is no amount; write it like 500B or 2T.", severity="warning")
            return
        self.app.push_screen(RemedyScreen(self.canister, "top-up", amount=amount))


class PointsPage(WizardPage):
    """From which restore point."""

    COLUMNS = POINT_COLUMNS
    question = "From which restore point"
    enter = "Plan it"
    nothing = "There is no backup and no snapshot of it. Esc leads back to what else helps."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "compare", "Compare"),
        Binding("x", "rehearse", "Rehearse"),
        Binding("p", "preview", "All in words"),
    ]

    def __init__(self, canister: str, *, prefer: str = "backup") -> None:
        super().__init__(canister)
        self._prefer = prefer
        self._found: RestorePoints | None = None

    def load(self) -> None:
        door = self.quri.console_door
        self.run_worker(self.ask(lambda: door.restore_points(self.canister), self._show), exit_on_error=False)

    def _show(self, found: RestorePoints) -> None:
        self._found = found
        table = self.query_one(LineTable)
        table.show_rows(point_rows(found))
        of_kind = next((point for point in found.points if point.kind == self._prefer and not point.replaced), None)
        best = found.recommended if found.recommended is not None else of_kind
        if best is not None and best.kind != self._prefer and of_kind is not None:
            best = of_kind
        table.select(best.source if best is not None else None)
        self._explain()

    @on(LineTable.Highlighted)
    def _explain(self) -> None:
        found = self._found
        if found is None:
            return
        point = next((item for item in found.points if item.source == self.query_one(LineTable).cursor_key), None)
        lines: list[Line] = [(Span(escape(point.note), "status-warning"),)] if point is not None and point.note else []
        if point is not None and point.recommended:
            lines.append((Span(f"Recommended: {escape(found.why)}.", "status-ok"),))
        lines += [(Span(escape(note), "status-warning"),) for note in found.notes]
        self.mean(lines or [(Span("Enter plans it; nothing is changed by that.", "muted"),)])

    def action_preview(self) -> None:
        """Every restore point in words."""
        if self._found is not None:
            self.mean(list(restore_point_lines(self._found)))

    def action_compare(self) -> None:
        """Compare the chosen restore point with the live canister: scrolled, searched, saved."""
        from quri_console.ui.screens.compare import CompareScreen

        key = self.query_one(LineTable).cursor_key
        if key is not None:
            kind, colon, snapshot = key.partition(":")
            side = f"{kind}:{self.canister}/{snapshot}" if colon else f"{key}/{self.canister}"
            self.app.push_screen(CompareScreen(side, "live"))

    def action_rehearse(self) -> None:
        """Load the chosen backup into the sandbox of this machine; nothing is sent anywhere."""
        from quri_console.ui.screens.rehearsal import RehearsalScreen

        key = self.query_one(LineTable).cursor_key
        point = next((item for item in self._found.points if item.source == key), None) if self._found else None
        if point is None or point.kind != "backup":
            self.app.notify("Only a backup can be rehearsed.", severity="warning")
            return
        self.app.push_screen(RehearsalScreen(f"{point.source}/{self.canister}"))

    @on(LineTable.Chosen)
    def _choose(self, event: LineTable.Chosen) -> None:
        """Work out the plan of the chosen one."""
        from quri_console.ui.screens.restore import RestoreScreen

        if event.key is not None:
            self.app.push_screen(RestoreScreen(self.canister, event.key))
