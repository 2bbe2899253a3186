"""A page that says what will happen, waits for the typed confirmation, and then follows the operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from quri_console.errors import QuriError
from quri_console.render.escape import escape
from quri_console.render.operation import error_lines
from quri_console.render.spans import Line, Span
from quri_console.ui.background import off_loop
from quri_console.ui.roles import style_of
from quri_console.ui.widgets.operation_view import OperationView
from quri_console.ui.widgets.typed_confirmation import TypedConfirmation

if TYPE_CHECKING:
    from quri_console.service.operations import OperationHandle
    from quri_console.ui.app import QuriApp


class ConfirmedOperation(Screen[None]):
    """Plan → typed `NETWORK/NAME` → operation. Nothing starts before the exact text was typed and Enter pressed."""

    CSS_PATH = "confirmation.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back"),
        Binding("pagedown", "scroll_plan(1)", "Page down", show=False),
        Binding("pageup", "scroll_plan(-1)", "Page up", show=False),
    ]

    verb: ClassVar[str] = ""

    def __init__(self, canister: str) -> None:
        super().__init__()
        self.canister = canister
        self.started = False
        self.feasible = True

    @property
    def quri(self) -> QuriApp:
        """The application, typed."""
        return cast("QuriApp", self.app)

    @property
    def target(self) -> str:
        """`NETWORK/NAME`."""
        return f"{self.quri.console_door.network.name}/{self.canister}"

    @property
    def expected(self) -> str:
        """What has to be typed: the target, after `--force` on a production network, as on the command line."""
        return f"--force {self.target}" if self.quri.console_door.network.production else self.target

    async def plan(self) -> Sequence[Line]:
        """What would happen, worked out without any effect; runs beside Textual's loop. Raises QuriError."""
        raise NotImplementedError

    async def start(self, confirmation: str) -> OperationHandle:
        """Start the operation; runs beside Textual's loop. Raises QuriError."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        door = self.quri.console_door
        badge = " PRODUCTION " if door.network.production else ""
        yield Static(f" {self.verb} {escape(self.canister)} on {escape(door.network.name)} {badge}", id="title")
        with VerticalScroll(id="plan-area"):
            yield Static("Working out what this would do …", id="plan", markup=False)
        yield OperationView()
        yield TypedConfirmation(self.expected, id="confirmation")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one(TypedConfirmation).display = False
        self.query_one(OperationView).display = False
        self.set_class(self.quri.console_door.network.production, "production")
        self.run_worker(self._show_plan(), exit_on_error=False)

    async def _show_plan(self) -> None:
        try:
            lines = await off_loop(self.plan)
        except QuriError as error:
            self._draw([(span,) for span in error_lines(error)])
            return
        if not self.feasible:
            self._draw([*lines, (), (Span("A check failed, so this cannot be started. Esc leads back.", "title"),)])
            return
        prompt = f"Type {self.expected} and press Enter to {self.verb.lower()}; Esc leaves everything as it is."
        self._draw([*lines, (), (Span(escape(prompt), "title"),)])
        field = self.query_one(TypedConfirmation)
        field.display = True
        field.focus()

    def _draw(self, lines: Sequence[Line]) -> None:
        drawn = Text()
        for number, line in enumerate(lines):
            drawn.append("\n" if number else "")
            for span in line:
                drawn.append(span.text, style_of(self.app, span.role))
        self.query_one("#plan", Static).update(drawn)

    @on(Input.Submitted)
    def _confirmed(self) -> None:
        field = self.query_one(TypedConfirmation)
        if not field.matches:
            self.notify(f"That is not {self.expected}. Nothing was done.", severity="warning", markup=False)
            return
        if not self.started:
            self.started = True
            field.display = False
            self.run_worker(self._run(), exit_on_error=False)

    async def _run(self) -> None:
        try:
            handle = await off_loop(lambda: self.start(self.target))
        except QuriError as error:
            self._draw([(span,) for span in error_lines(error)])
            return
        view = self.query_one(OperationView)
        view.display = True
        view.follow(handle)

    @on(OperationView.Ended)
    def _poll_after_the_end(self) -> None:
        self.quri.poll_now()

    def action_leave(self) -> None:
        if self.started and self.query_one(OperationView).running:
            self.notify("The operation continues without this page.", markup=False)
        self.app.pop_screen()

    def action_scroll_plan(self, pages: int) -> None:
        area = self.query_one("#plan-area", VerticalScroll)
        area.scroll_relative(y=pages * area.size.height, animate=False)
