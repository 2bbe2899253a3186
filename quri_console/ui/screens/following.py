"""What every page that follows an operation can do with it: go on, end it, take it back, write its report."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.binding import Binding, BindingType
from textual.screen import Screen

from quri_console.errors import QuriError
from quri_console.render.operation import failure_text, keys_after, keys_while_running
from quri_console.ui.background import off_loop
from quri_console.ui.widgets.operation_view import OperationView

if TYPE_CHECKING:
    from quri_console.service.following import OperationHandle
    from quri_console.ui.app import QuriApp


class FollowingScreen(Screen[None]):
    """A page with an `OperationView`; a subclass says in `tell` what its keys do now."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "proceed", "Go on", show=False),
        Binding("A", "abort", "Abort", show=False),
        Binding("B", "roll_back", "Roll back", show=False),
        Binding("w", "report", "Report", show=False),
    ]

    @property
    def quri(self) -> QuriApp:
        """The application, typed."""
        return cast("QuriApp", self.app)

    def tell(self, sentence: str) -> None:
        """Say below the operation which keys there are."""
        raise NotImplementedError

    def follow(self, handle: OperationHandle) -> None:
        """Show the operation until its end, and the keys that fit."""
        self.query_one(OperationView).follow(handle)
        if handle.running():
            self.tell(keys_while_running())

    @on(OperationView.Ended)
    def _after_the_end(self) -> None:
        self.quri.poll_now()
        handle = self.query_one(OperationView).handle
        self.tell(keys_after(can_be_rolled_back=handle is not None and handle.summary().can_be_rolled_back))
        self.add_class("ended")

    def _alive(self) -> OperationHandle | None:
        """The operation while it runs; else None, and it is said that it does not."""
        handle = self.query_one(OperationView).handle
        if handle is None or not handle.running():
            self.app.notify("No operation runs here.", severity="warning")
            return None
        return handle

    def action_proceed(self) -> None:
        """Go on where it waits before anything is stopped."""
        if (handle := self._alive()) is not None:
            self.quri.console_door.proceed(handle.id)

    def action_abort(self) -> None:
        """End the operation before its next effect."""
        if (handle := self._alive()) is not None:
            handle.abort()
            self.app.notify("It ends before its next effect; the canister gets the status back that it had.")

    def action_roll_back(self) -> None:
        """Open the page that brings the state before this operation back."""
        handle = self.query_one(OperationView).handle
        summary = handle.summary() if handle is not None else None
        if summary is None or not summary.can_be_rolled_back or not summary.canisters:
            self.app.notify("There is nothing to roll back.", severity="warning")
            return
        from quri_console.ui.screens.rollback import RollbackScreen

        self.app.push_screen(RollbackScreen(summary.canisters[0], summary.id))

    def action_report(self) -> None:
        """Write what was done into a Markdown file, and copy it."""
        handle = self.query_one(OperationView).handle
        if handle is None:
            self.app.notify("Nothing was done yet that could be reported.", severity="warning")
            return
        self.run_worker(self._write_report(handle.id), exit_on_error=False)

    async def _write_report(self, operation_id: str) -> None:
        from quri_console.render.operation_report import operation_report
        from quri_console.ui.clipboard import copy_text

        door = self.quri.console_door
        try:
            evidence = await off_loop(lambda: door.operation_evidence(operation_id))
            text = operation_report(
                evidence.summary, evidence.records, evidence.plan, evidence.audit_head, door.config.canister_names
            )
            path = door.save_report(operation_id, text)
        except QuriError as error:
            self.app.notify(failure_text(error), severity="error")
            return
        self.app.notify(f"Report: {path}. {copy_text(self.quri, text)}", timeout=15)
