"""What can be done with the selected canister of the Fleet view: each opens a page of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.errors import QuriError
from quri_console.render.escape import escape
from quri_console.ui.clipboard import copy_text
from quri_console.ui.screens.question import Answers, Field, Question
from quri_console.ui.screens.view import ViewScreen
from quri_console.units import parse_cycles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quri_console.monitor.fleet import CanisterView


class FleetActions(ViewScreen):
    """The keys that are about one canister, or about the marked ones."""

    @property
    def marked(self) -> Sequence[CanisterView]:
        """The marked canisters that are shown, in their order."""
        raise NotImplementedError

    def _chosen(self, name: str) -> CanisterView | None:
        """The selected canister if the action can be done; else says why not."""
        return self.selected if self.possible(name) else None

    def action_back_up(self) -> None:
        """Back up the marked canisters in one set, or the selected one."""
        if (selected := self._chosen("back_up")) is not None:
            names = [view.name for view in self.marked] or [selected.name]
            from quri_console.ui.screens.backup import BackupScreen

            self.app.push_screen(BackupScreen(*names))

    def action_restore(self) -> None:
        from quri_console.ui.screens.wizard import RemediesPage

        if (selected := self._chosen("restore")) is not None:
            self.app.push_screen(RemediesPage(selected.name))

    def action_fleet_start(self) -> None:
        if (selected := self._chosen("fleet_start")) is not None:
            self._push_remedy(selected.name, "start")

    def action_fleet_stop(self) -> None:
        if (selected := self._chosen("fleet_stop")) is not None:
            self._push_remedy(selected.name, "stop")

    def action_fleet_top_up(self) -> None:
        """Ask how much; the plan says what it costs and what it brings."""
        if (selected := self._chosen("fleet_top_up")) is None:
            return
        name = selected.name

        def take(answers: Answers | None) -> None:
            if answers is not None:
                self._top_up(name, answers[0])

        sentence = f"Top up {escape(name, limit=60)} on {escape(self.quri.console_door.network.name)}: how many cycles?"
        self.app.push_screen(Question(sentence, (Field("Cycles", hint="like 1T, 0.5T or 500B"),)), take)

    def _top_up(self, name: str, typed: str) -> None:
        try:
            amount = parse_cycles(typed)
        except QuriError as error:
            self.app.notify(escape(f"{error.what}. {error.next_step}", limit=300), severity="warning")
            return
        if amount <= 0:
            self.app.notify("That is no amount; nothing was done.", severity="warning")
            return
        self._push_remedy(name, "top-up", amount)

    def _push_remedy(self, name: str, remedy: str, amount: int = 0) -> None:
        # imported when asked for: the first picture does not wait for it
        from quri_console.ui.screens.remedy import RemedyScreen

        self.app.push_screen(RemedyScreen(name, remedy, amount=amount))

    def action_fleet_compare(self) -> None:
        from quri_console.ui.screens.compare import CompareScreen

        if (selected := self._chosen("fleet_compare")) is not None:
            self.app.push_screen(CompareScreen(f"latest/{selected.name}", "live"))

    def action_fleet_logs(self) -> None:
        from quri_console.ui.screens.logs import LogsScreen

        if (selected := self._chosen("fleet_logs")) is not None:
            self.app.push_screen(LogsScreen(selected.name))

    def action_fleet_chart(self) -> None:
        if self._chosen("fleet_chart") is not None:
            self.quri.action_view("cycles")

    def action_fleet_alerts(self) -> None:
        if self._chosen("fleet_alerts") is not None:
            self.quri.alerts_asked_of = self.quri.selected_id
            self.quri.action_view("alerts")

    def action_fleet_copy_id(self) -> None:
        if (selected := self._chosen("fleet_copy_id")) is not None:
            self.app.notify(f"{selected.canister_id}: {copy_text(self.quri, selected.canister_id)}")
