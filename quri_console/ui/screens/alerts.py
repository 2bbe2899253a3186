"""The alerts view: what fires and who cares for it, with acknowledging, silencing, and the way to the canister."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import on
from textual.binding import BindingType

from quri_console.errors import QuriError
from quri_console.render.actions import ALERTS, ActionContext
from quri_console.render.alert_table import (
    COLUMNS,
    alert_key,
    alert_lines,
    alert_table,
    event_lines,
    mutes_of,
    unmuted_words,
)
from quri_console.render.alerts import worst_first
from quri_console.render.escape import escape
from quri_console.ui.keys import bindings_of_view
from quri_console.ui.screens.question import Answers, Field, Question
from quri_console.ui.screens.table_view import TableView
from quri_console.ui.widgets.line_table import LineTable
from quri_console.units import DAY_SECONDS, parse_duration

if TYPE_CHECKING:
    from quri_console.history.alerts import AlertRow
    from quri_console.monitor.fleet import CanisterView
    from quri_console.service.alerting import AlertsView

_Answered = Callable[["AlertRow", Answers], None]
PAST_SECONDS = 7.0 * DAY_SECONDS


class AlertsScreen(TableView):
    """Read anew with every picture of the fleet; nothing here is judged."""

    VIEW = ALERTS
    COLUMNS = COLUMNS
    EMPTY = "No alert fires."
    BINDINGS: ClassVar[list[BindingType]] = bindings_of_view(ALERTS)

    def __init__(self) -> None:
        super().__init__()
        self._view: AlertsView | None = None
        self._past = False
        self._looked_for: str | None = None

    def on_screen_resume(self) -> None:
        # whoever comes from a canister wants its alert; the cursor of who comes back stays
        asked, self.quri.alerts_asked_of = self.quri.alerts_asked_of, None
        self._looked_for = asked or (self.quri.selected_id if self._view is None else None)

    def read(self) -> None:
        """Ask the history what fires."""
        door = self.quri.console_door
        self.fetch(lambda: door.alerts(since_seconds=PAST_SECONDS), self._show, group="alerts")

    def _show(self, view: AlertsView) -> None:
        self._view = view
        self.table.show_rows(alert_table(view.current, view.mutes, view.names, self.now_ns))
        wanted, self._looked_for = self._looked_for, None
        own = (alert for alert in worst_first(view.current) if alert.subject == wanted)
        self.table.select(next(map(alert_key, own), None))
        self._show_chosen()

    @on(LineTable.Highlighted)
    def _show_chosen(self) -> None:
        view = self._view
        if view is None:
            return
        lines = (
            event_lines(view.events, view.names)
            if self._past
            else alert_lines(self.chosen, view.mutes, view.events, view.names, self.now_ns, page=self.help_page[0])
        )
        self.say(lines)
        self.show_keys()

    @property
    def chosen(self) -> AlertRow | None:
        """The alert under the cursor."""
        key = self.table.cursor_key
        current = self._view.current if self._view is not None else ()
        return next((alert for alert in current if alert_key(alert) == key), None)

    @property
    def selected(self) -> CanisterView | None:
        """The canister of the chosen alert; what is selected in the other views stays so until one jumps."""
        chosen, fleet = self.chosen, self.quri.fleet
        return fleet.canister(chosen.subject) if chosen is not None and fleet is not None else None

    @property
    def help_page(self) -> tuple[str, str]:
        from quri_console.report.runbook import section_for

        about = self.selected
        return section_for(self.chosen.rule) if self.chosen is not None else "", about.name if about is not None else ""

    def action_context(self) -> ActionContext:
        return replace(super().action_context(), alert_chosen=self.chosen is not None)

    def _canister(self) -> str | None:
        return self.selected.canister_id if self.selected is not None else None

    # what can be done

    @on(LineTable.Chosen)
    def action_go_to_canister(self) -> None:
        """Show the canister that the alert is about."""
        if (canister := self._canister()) is not None:
            self.quri.selected_id = canister
            self.quri.action_view("fleet")

    def action_alert_chart(self) -> None:
        """Show the chart of the canister that the alert is about."""
        if (canister := self._canister()) is not None:
            self.quri.selected_id = canister
            self.quri.action_view("cycles")

    def action_restore(self) -> None:
        """Open the restore wizard for the canister that the alert is about."""
        from quri_console.ui.screens.wizard import RemediesPage

        selected = self.selected
        if self.possible("restore") and selected is not None:
            self.app.push_screen(RemediesPage(selected.name))

    def action_past(self) -> None:
        """What happened to alerts in the last week, instead of the chosen one."""
        self._past = not self._past
        self._show_chosen()

    def action_acknowledge(self) -> None:
        """Ask for a note and say that somebody cares."""
        chosen = self.chosen
        if self.possible("acknowledge") and chosen is not None:
            fields = (Field("Note", hint="who does what"), Field("For", hint="until it gets worse; like 4h"))
            self._ask(f"Acknowledge {escape(chosen.rule)}", chosen, fields, self._acknowledge)

    def action_silence(self) -> None:
        """Ask for how long and why, and send nothing meanwhile."""
        chosen = self.chosen
        if self.possible("silence") and chosen is not None:
            fields = (Field("For", "2h", "like 30m, 2h, 1d"), Field("Note", hint="why"))
            self._ask(f"Silence {escape(chosen.rule)}", chosen, fields, self._silence)

    def _ask(self, sentence: str, alert: AlertRow, fields: tuple[Field, ...], answered: _Answered) -> None:
        assert self._view is not None
        name = escape(self._view.names.get(alert.subject, alert.subject))

        def take(answers: Answers | None) -> None:
            if answers is not None:
                answered(alert, answers)

        self.app.push_screen(Question(f"{sentence} of {name}", fields), take)

    def _acknowledge(self, alert: AlertRow, answers: Answers) -> None:
        note, for_text = answers
        if (seconds := self._seconds(for_text, optional=True)) is False:
            return
        door = self.quri.console_door
        self.fetch(
            lambda: door.acknowledge_alerts(alert.subject, alert.rule, note=note, for_seconds=seconds or None),
            lambda _: self._told("Acknowledged."),
            group="answer",
        )

    def _silence(self, alert: AlertRow, answers: Answers) -> None:
        for_text, note = answers
        if (seconds := self._seconds(for_text, optional=False)) is False:
            return
        door = self.quri.console_door
        self.fetch(
            lambda: door.silence_alerts(alert.subject, alert.rule, note=note, for_seconds=seconds),
            lambda number: self._told(f"Silenced for {escape(for_text)}, as number {number}; u ends it."),
            group="answer",
        )

    def action_unsilence(self) -> None:
        """Take back what mutes the chosen alert."""
        chosen, view = self.chosen, self._view
        muted = mutes_of(chosen, view.mutes) if chosen is not None and view is not None else ()
        if not muted:
            self.app.notify("Nothing mutes this alert.", severity="warning")
            return
        door = self.quri.console_door
        self.fetch(
            lambda: door.unsilence_alerts(muted[-1].id),
            lambda _: self._told(unmuted_words(muted[:-1])),
            group="answer",
        )

    def _seconds(self, text: str, *, optional: bool) -> float | Literal[False]:
        """The time that was typed, 0 for none where it is optional; False when it was none, which is said."""
        if not text and optional:
            return 0.0
        try:
            return parse_duration(text)
        except (QuriError, ValueError):
            self.app.notify(f"{escape(text)!r} is no time; write it like 30m, 4h or 1d.", severity="warning")
            return False

    def _told(self, sentence: str) -> None:
        self.app.notify(sentence)
        self.read()
