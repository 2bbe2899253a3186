"""Marking an operation resolved: what it left behind, why, and the way out in the first place."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Input, Label, Static

from quri_console.render.escape import escape
from quri_console.render.operation import error_lines
from quri_console.render.resolution import resolution_lines
from quri_console.render.spans import Span
from quri_console.ui.background import as_quri_error, off_loop
from quri_console.ui.widgets.choice import Choice
from quri_console.ui.widgets.lines_view import LinesView
from quri_console.ui.widgets.typed_confirmation import TypedConfirmation

if TYPE_CHECKING:
    from quri_console.restore.resolution import Resolution
    from quri_console.service.resolving import Resolved
    from quri_console.ui.app import QuriApp

CANCEL, MARK, LEAVE = "cancel", "mark", "leave"


class ResolveScreen(Screen[bool]):
    """Looks at the network, then asks why. Cancel has the focus; True once the operation is marked."""

    CSS_PATH = "resolve.tcss"
    AUTO_FOCUS = f"#{CANCEL}"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(False)", "Cancel", key_display="Esc"),
        Binding("tab", "app.focus_next", "Next", key_display="Tab"),
        Binding("pagedown", "page(1)", "Read on", key_display="PgDn"),
        Binding("pageup", "page(-1)", "Read back", key_display="PgUp"),
    ]

    def __init__(self, operation_id: str) -> None:
        super().__init__()
        self._operation_id = operation_id
        self._found: Resolution | None = None
        self._marking = False

    @property
    def quri(self) -> QuriApp:
        """The application, typed."""
        return cast("QuriApp", self.app)

    def compose(self) -> ComposeResult:
        door = self.quri.console_door
        badge = "  PRODUCTION" if door.network.production else ""
        title = f" Mark {escape(self._operation_id)} resolved on {escape(door.network.name)}{badge}"
        yield Static(title, id="title", markup=False)
        with VerticalScroll(can_focus=False):
            yield LinesView(id="left-behind")
        with Horizontal(classes="row"):
            yield Label("Reason ", classes="label")
            reason = Input(placeholder="what was done about it, or the number of the incident", id="reason")
            reason.cursor_blink = False
            yield reason
        with Horizontal(classes="row", id="typed-row"):
            yield Label("Type ", classes="label")
            yield TypedConfirmation("", id="typed")
        with Horizontal(classes="row"):
            yield Choice("Cancel", id=CANCEL)
            yield Choice("Mark resolved", id=MARK)
            yield Choice("Mark resolved, leave it stopped", id=LEAVE)
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one("#typed-row").display = False
        self.query_one(f"#{LEAVE}").display = False
        self.query_one(f"#{MARK}").disabled = True
        self.set_class(self.quri.console_door.network.production, "production")
        self._say("Looking at what it left behind; nothing is changed …")
        self.run_worker(self._look())

    def _say(self, sentence: str) -> None:
        self.query_one(LinesView).show_lines([(Span(sentence, "muted"),)])

    async def _look(self) -> None:
        door = self.quri.console_door
        try:
            found = await off_loop(lambda: door.plan_resolution(self._operation_id))
        except Exception as error:  # noqa: BLE001 - whatever it is, the page must say it
            self.query_one(LinesView).show_lines([(span,) for span in error_lines(as_quri_error(error))])
            return
        self._found = found
        self._draw(found)

    def _draw(self, found: Resolution) -> None:
        self.query_one(LinesView).show_lines(resolution_lines(found))
        self.query_one(f"#{MARK}").disabled = False
        self.query_one(f"#{LEAVE}").display = bool(found.to_start)
        self.set_class(found.production, "production")
        if found.production:
            field = self.query_one(TypedConfirmation)
            # as on the command line, where --force goes before the name
            field.expected = field.placeholder = f"--force {found.network}/{found.name}"
            self.query_one("#typed-row").display = True

    @on(Input.Submitted)
    def _next(self) -> None:
        self.focus_next()

    @on(Choice.Taken)
    def _taken(self, event: Choice.Taken) -> None:
        if event.choice.id == CANCEL:
            self.dismiss(False)
        elif self._found is not None and not self._marking and self._filled_in(self._found):
            self._marking = True
            found, leave = self._found, event.choice.id == LEAVE
            # of the app: leaving this page meanwhile must not lose sight of it
            self.app.run_worker(self._mark(found, leave_stopped=leave))

    def _filled_in(self, found: Resolution) -> bool:
        reason, field = self.query_one("#reason", Input), self.query_one(TypedConfirmation)
        if not reason.value.strip():
            self.app.notify("Give a reason first: it is kept in the journal and the audit log.", severity="warning")
            reason.focus()
        elif found.production and not field.matches:
            self.app.notify(f"Type {field.expected} first.", severity="warning", markup=False)
            field.focus()
        else:
            return True
        return False

    async def _mark(self, found: Resolution, *, leave_stopped: bool) -> None:
        door, reason = self.quri.console_door, self.query_one("#reason", Input).value
        try:
            marked = await off_loop(
                lambda: door.resolve(
                    found.operation,
                    reason=reason,
                    confirmation=f"{found.network}/{found.name}" if found.production else "",
                    force=found.production,
                    leave_stopped=leave_stopped,
                )
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the operator has to see it
            self._failed(error)
            return
        self._tell(marked)
        if self.is_attached:
            self.dismiss(True)

    def _failed(self, error: Exception) -> None:
        failure = as_quri_error(error)
        self._marking = False
        if self.is_attached:
            self.query_one(LinesView).show_lines([(span,) for span in error_lines(failure)])
        else:
            self.app.notify(escape(str(failure)), title="Not marked", severity="error", markup=False)

    def _tell(self, marked: Resolved) -> None:
        started = f" {' and '.join(marked.started)} was started again." if marked.started else ""
        left = f" {' and '.join(marked.left_stopped)} is left stopped." if marked.left_stopped else ""
        self.app.notify(escape(f"{marked.resolution.operation} is marked resolved.{started}{left}"), markup=False)
        self.quri.poll_now()

    def action_page(self, pages: int) -> None:
        """Read on in what was left behind, or back."""
        area = self.query_one(VerticalScroll)
        area.scroll_relative(y=pages * (area.size.height - 1), animate=False)
