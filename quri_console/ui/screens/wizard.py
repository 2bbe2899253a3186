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
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "app.pop_screen", "Back", key_display="Esc")]
    COLUMNS: ClassVar[tuple[Column, ...]] = ()
    question: ClassVar[str] = ""

    def __init__(self, canister: str) -> None:
        super().__init__()
        self.canister = canister

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
        self.query_one(LineTable).focus()
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
            show(found)

    def show_failure(self, error: QuriError) -> None:
        """Say what went wrong where the meaning of a row stands."""
        if self.is_attached:
            self.mean([(span,) for span in error_lines(error)])

    def mean(self, lines: list[Line]) -> None:
        """Say what the chosen row means."""
        self.query_one("#meaning", LinesView).show_lines(lines)


class RemediesPage(WizardPage):
    """What is wrong, and what helps."""

    COLUMNS = REMEDY_COLUMNS
    question = "What helps, least destructive first"

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
    def _go_on(self, event: LineTable.Chosen) -> None:
        if event.key in ("backup", "snapshot"):
            self.app.push_screen(PointsPage(self.canister, prefer=event.key))
        elif event.key == "top-up":
            amount = Field("Cycles", "2T", "like 500B or 2T")
            self.app.push_screen(Question(f"Top up {escape(self.canister)}", [amount]), self._pay)
        elif event.key == "create":
            self.app.notify("Use the command below; it prints the new id.", severity="warning")
        elif event.key is not None:
            from quri_console.ui.screens.remedy import RemedyScreen

            self.app.push_screen(RemedyScreen(self.canister, event.key))

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
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Plan it"),
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
    def action_choose(self) -> None:
        """Work out the plan of the chosen one."""
        from quri_console.ui.screens.restore import RestoreScreen

        key = self.query_one(LineTable).cursor_key
        if key is not None:
            self.app.push_screen(RestoreScreen(self.canister, key))
