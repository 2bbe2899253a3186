"""The activity view: operations with their steps, audit, messages, logs, and what is overdue."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.binding import BindingType

from quri_console.errors import QuriError
from quri_console.render.actions import ACTIVITY, ActionContext
from quri_console.render.audit import audit_lines
from quri_console.render.escape import escape
from quri_console.render.operation import error_lines
from quri_console.render.operation_steps import (
    OPERATION_COLUMNS,
    diagnosis_lines,
    message_lines,
    operation_rows,
    step_lines,
)
from quri_console.render.spans import Line, Span
from quri_console.ui.keys import bindings_of_view
from quri_console.ui.screens.table_view import TableView
from quri_console.ui.widgets.line_table import LineTable

if TYPE_CHECKING:
    from quri_console.effects.operation_summary import OperationSummary
    from quri_console.service.activity import OperationSteps
    from quri_console.service.doctor import Diagnosis

STEPS, LOG, AUDIT, MESSAGES, DOCTOR = "steps", "log", "audit", "messages", "doctor"


class ActivityScreen(TableView):
    """Operations above; below, what the chosen pane says of the chosen operation or of all."""

    VIEW = ACTIVITY
    COLUMNS = OPERATION_COLUMNS
    EMPTY = "No operations yet."
    BINDINGS: ClassVar[list[BindingType]] = bindings_of_view(ACTIVITY)

    def __init__(self) -> None:
        super().__init__()
        self._operations: tuple[OperationSummary, ...] = ()
        self._pane = STEPS

    def read(self) -> None:
        """Read the operations anew."""
        self.fetch(self.quri.console_door.all_operations, self._show, group="operations")

    def _show(self, operations: tuple[OperationSummary, ...]) -> None:
        self._operations = operations
        self.table.show_rows(operation_rows(operations, self.now_ns))
        self.show_pane()

    @property
    def chosen(self) -> OperationSummary | None:
        """The operation under the cursor."""
        key = self.table.cursor_key
        return next((summary for summary in self._operations if summary.id == key), None)

    @property
    def help_page(self) -> tuple[str, str]:
        """The list: what is chosen here is no canister."""
        return "", ""

    def action_context(self) -> ActionContext:
        chosen = self.chosen
        return replace(
            super().action_context(),
            operation_chosen=chosen is not None,
            chosen_runs=chosen is not None and chosen.state in ("running", "interrupted"),
            can_resume=chosen is not None and chosen.state in ("interrupted", "failed", "aborted"),
            can_resolve=chosen is not None and chosen.open,
            can_roll_back=chosen is not None and chosen.can_be_rolled_back,
        )

    @on(LineTable.Highlighted)
    def _follow_cursor(self) -> None:
        self.show_pane()
        self.show_keys()

    # the pane below

    def action_pane(self, name: str) -> None:
        """Show the steps or the log of the operation, the audit log, the messages, or what is overdue."""
        self._pane = name
        self.show_pane()

    def show_pane(self) -> None:
        """Read and draw what the pane is about."""
        door, chosen = self.quri.console_door, self.chosen
        if self._pane in (STEPS, LOG):
            if chosen is None:
                self.say([(Span("No operation is chosen.", "muted"),)])
            else:
                self._pane_of(lambda: door.operation_steps(chosen.id), self._log if self._pane == LOG else self._steps)
        elif self._pane == AUDIT:
            self._pane_of(door.newest_audit, lambda events: audit_lines(reversed(list(events))))
        elif self._pane == MESSAGES:
            self._pane_of(door.newest_messages, message_lines)
        else:
            self._pane_of(door.doctor, self._diagnoses)

    def _pane_of(self, make: Callable[[], Coroutine[Any, Any, Any]], lines: Callable[[Any], Sequence[Line]]) -> None:
        self.fetch(make, lambda found: self.say(lines(found)), group="pane")

    def _steps(self, steps: OperationSteps) -> Sequence[Line]:
        return step_lines(steps.summary, steps.records, self.quri.console_door.config.canister_names)

    @staticmethod
    def _log(steps: OperationSteps) -> Sequence[Line]:
        return [(Span(escape(line)),) for line in steps.log] or [(Span("Its log is empty.", "muted"),)]

    @staticmethod
    def _diagnoses(found: Sequence[Diagnosis]) -> Sequence[Line]:
        return diagnosis_lines((item.what, item.level, item.text, item.next_step) for item in found)

    def show_failure(self, error: QuriError) -> None:
        self.say([(span,) for span in error_lines(error)])

    # what can be done

    @on(LineTable.Chosen)
    def action_follow_operation(self) -> None:
        """Show the chosen operation on a page of its own, and follow it while it runs."""
        from quri_console.ui.screens.operation import OperationScreen

        if (chosen := self.chosen) is not None:
            self.app.push_screen(OperationScreen(chosen.id))

    def action_service_log(self) -> None:
        """Show what our processes did, and follow it."""
        from quri_console.ui.screens.service_logs import ServiceLogsScreen

        self.app.push_screen(ServiceLogsScreen())

    def action_resume_operation(self) -> None:
        """Go on with an operation whose process died."""
        chosen = self.chosen
        if self.possible("resume_operation") and chosen is not None:
            self._started(chosen.id, "resume")

    def action_resolve_operation(self) -> None:
        """Mark an operation resolved that nobody is to go on with, after a look at what it left behind."""
        from quri_console.ui.screens.resolve import ResolveScreen

        chosen = self.chosen
        if self.possible("resolve_operation") and chosen is not None:
            self.app.push_screen(ResolveScreen(chosen.id), lambda _: self.read())

    def action_abort_operation(self) -> None:
        """End an operation before its next effect."""
        chosen = self.chosen
        if self.possible("abort_operation") and chosen is not None:
            self._started(chosen.id, "abort")

    def _started(self, operation_id: str, verb: str) -> None:
        door = self.quri.console_door

        async def start() -> str:
            import asyncio

            await asyncio.to_thread(door.resume if verb == "resume" else door.abort, operation_id)
            return operation_id

        self.fetch(start, lambda _: self._told(f"{verb} of {operation_id} was asked for."), group="operation")

    def action_support_bundle(self) -> None:
        """Write a support bundle into the state folder."""
        door = self.quri.console_door
        told = "Look into it before you give it away."
        self.fetch(door.write_support_bundle, lambda path: self._told(f"Support bundle: {path}. {told}"), group="do")

    def action_roll_back(self) -> None:
        """Open the page that rolls the chosen operation back after a typed confirmation."""
        from quri_console.ui.screens.rollback import RollbackScreen

        chosen = self.chosen
        if self.possible("roll_back") and chosen is not None and chosen.canisters:
            self.app.push_screen(RollbackScreen(chosen.canisters[0], chosen.id))

    def _told(self, sentence: str) -> None:
        self.app.notify(sentence)
        self.read()
