"""A page that says what will happen, waits for the typed confirmation, and then follows the operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Footer, Input, Static

from quri_console.effects.gate import ReasonRule, require_reason
from quri_console.errors import QuriError, RefusedBySafetyRule
from quri_console.render.escape import escape
from quri_console.render.operation import error_lines, failure_text
from quri_console.render.runbook import help_line
from quri_console.render.spans import Line, Span
from quri_console.report.runbook import section_for_failure
from quri_console.ui.background import as_quri_error, off_loop
from quri_console.ui.screens.following import FollowingScreen
from quri_console.ui.widgets.lines_view import LinesView
from quri_console.ui.widgets.operation_view import OperationView
from quri_console.ui.widgets.typed_confirmation import TypedConfirmation

if TYPE_CHECKING:
    from quri_console.service.following import OperationHandle


class ConfirmedOperation(FollowingScreen):
    """Plan → typed `NETWORK/NAME` → operation. Nothing starts before the exact text was typed and Enter pressed."""

    CSS_PATH = "confirmation.tcss"
    AUTO_FOCUS = ""  # else keys go into a field that is not shown yet
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", key_display="Esc"),
        Binding("pagedown", "scroll_page(1)", "Read on", key_display="PgDn"),
        Binding("pageup", "scroll_page(-1)", "Read back", key_display="PgUp"),
        Binding("down", "scroll_line(1)", "Line down", show=False),
        Binding("up", "scroll_line(-1)", "Line up", show=False),
    ]

    verb: ClassVar[str] = ""
    asks_reason: ClassVar[bool] = False
    """Whether it asks why before it asks for the name; it does where the configuration wants a reason, too."""

    def __init__(self, canister: str) -> None:
        super().__init__()
        self.canister = canister
        self.help_page = ("recovery", canister)  # what F1 opens, and about which canister
        self.started = False
        self.feasible = True
        self.production = True

    @property
    def target(self) -> str:
        """`NETWORK/NAME`."""
        return f"{self.quri.console_door.network.name}/{self.canister}"

    @property
    def expected(self) -> str:
        """What has to be typed: the target, after `--force` on a production network, as on the command line."""
        return f"--force {self.target}" if self.production else self.target

    async def plan(self) -> Sequence[Line]:
        """What would happen, worked out without any effect; runs beside Textual's loop. Raises QuriError."""
        raise NotImplementedError

    async def start(self, confirmation: str, reason: str | None) -> OperationHandle:
        """Start the operation; runs beside Textual's loop. Raises QuriError."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        door = self.quri.console_door
        self.production = door.network.production
        title = f" {self.verb} {escape(self.canister)} on {escape(door.network.name)}"
        yield Static(title + ("  PRODUCTION" if self.production else ""), id="title", markup=False)
        with VerticalScroll(id="plan-area", can_focus=False):
            yield LinesView(id="plan")
        with VerticalScroll(id="operation-area", can_focus=False):
            yield OperationView()
        yield LinesView(id="prompt")
        reason = Input(placeholder="why, or the number of the incident or ticket", id="reason")
        reason.cursor_blink = False
        yield reason
        yield TypedConfirmation(self.expected, id="confirmation")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one(TypedConfirmation).display = False
        self.query_one("#reason", Input).display = False
        self.set_class(self.production, "production")
        self._draw([(Span("Working out what this would do; nothing is changed …", "muted"),)])
        self._ask("Esc leaves everything as it is.")
        self.run_worker(self._show_plan())

    def plan_again(self) -> None:
        """Work the plan out once more, with what is known now."""
        self.on_mount()

    async def _show_plan(self) -> None:
        try:
            lines = await off_loop(self.plan)
        except Exception as error:  # noqa: BLE001 - whatever it is, the page must not say "working" for ever
            self._draw_failure(as_quri_error(error))
            self._ask("Nothing was done. Esc leads back.")
            return
        self._draw(lines)
        if not self.feasible:
            self._ask("A check failed, so this cannot be started. Nothing was done. Esc leads back.")
            return
        network = self.quri.console_door.network
        if self.asks_reason or network.reason_required or network.reason_pattern:
            self._ask("Why? Enter goes on; PgDn reads on, Esc leaves all as it is.")
            reason = self.query_one("#reason", Input)
            reason.display = True
            reason.focus()
        else:
            self._ask_for_the_name()

    def _ask_for_the_name(self) -> None:
        self._ask(f"{self._typed} PgDn reads on, Esc leaves all as it is.")
        self.query_one("#reason", Input).display = False
        field = self.query_one(TypedConfirmation)
        field.display = True
        field.focus()

    @property
    def _typed(self) -> str:
        return f"Type {escape(self.expected)} and press Enter to {self.verb.lower()}."

    @property
    def reason(self) -> str | None:
        """What was given as the reason; None for nothing."""
        return self.query_one("#reason", Input).value.strip() or None

    @on(Input.Submitted, "#reason")
    def _reason_given(self) -> None:
        network = self.quri.console_door.network
        wanted = ReasonRule(network.reason_required, network.reason_pattern)
        try:
            require_reason("restore", network.name, wanted, self.reason)
        except RefusedBySafetyRule as error:
            self._ask(failure_text(error))
            return
        self._ask_for_the_name()

    def _draw(self, lines: Sequence[Line]) -> None:
        self.query_one("#plan", LinesView).show_lines(lines)

    def _draw_failure(self, error: QuriError) -> None:
        self.help_page = (section_for_failure(error), self.canister)
        self._draw([*((span,) for span in error_lines(error)), help_line(self.help_page[0])])

    def tell(self, sentence: str) -> None:
        self._ask(sentence)

    def _ask(self, sentence: str) -> None:
        self.query_one("#prompt", LinesView).show_lines([(Span(sentence, "title"),)])

    @on(Input.Submitted, "#confirmation")
    def _confirmed(self) -> None:
        field = self.query_one(TypedConfirmation)
        if not field.matches:
            # said in its own place: a toast would cover what has to be typed
            self._ask(f"That is not it, and nothing was done. {self._typed}")
            return
        if not self.started:
            self.started = True
            field.display = False
            self._ask("Starting …")
            # of the app: leaving this page while it starts must not lose sight of it
            self.app.run_worker(self._run())

    async def _run(self) -> None:
        try:
            reason = self.reason
            handle = await off_loop(lambda: self.start(self.target, reason))
        except Exception as error:  # noqa: BLE001 - whatever it is, the operator has to see it
            failure = as_quri_error(error)
            if not self.is_attached:
                self.app.notify(escape(failure.what), title="Not started", severity="error", markup=False)
                return
            self._draw_failure(failure)
            self._ask("It was not started. Esc leads back.")
            return
        if not self.is_attached:
            self.quri.tell_when_ended(handle)
            return
        self.add_class("started")
        self.follow(handle)

    def action_leave(self) -> None:
        view = self.query_one(OperationView)
        if view.running and view.handle is not None:
            self.notify("The operation goes on without this page.", markup=False)
            self.quri.tell_when_ended(view.handle)
        self.app.pop_screen()
        if self.has_class("started"):
            self._leave_the_wizard()

    def _leave_the_wizard(self) -> None:
        """What its pages offered is past once something was done."""
        from quri_console.ui.screens.wizard import WizardPage

        while isinstance(self.app.screen, WizardPage):
            self.app.pop_screen()

    @property
    def _area(self) -> VerticalScroll:
        return self.query_one("#operation-area" if self.has_class("started") else "#plan-area", VerticalScroll)

    def action_scroll_page(self, pages: int) -> None:
        """A page further down or up."""
        self._area.scroll_relative(y=pages * (self._area.size.height - 1), animate=False)

    def action_scroll_line(self, lines: int) -> None:
        self._area.scroll_relative(y=lines, animate=False)
