"""What all views share: the line of badges above, the keys below, going from view to view, saying why a key is off."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen
from textual.worker import WorkType

from quri_console.errors import QuriError
from quri_console.monitor.fleet import CanisterView, FleetStatus
from quri_console.render.actions import ActionContext, action, actions_of
from quri_console.render.escape import escape
from quri_console.ui.background import as_quri_error, off_loop
from quri_console.ui.widgets.key_bar import KeyBar
from quri_console.ui.widgets.status_bar import StatusBar

if TYPE_CHECKING:
    from quri_console.ui.app import QuriApp

AGE_REDRAW_SECONDS = 15.0
SLOW_LINK_REDRAW_SECONDS = 60.0
T = TypeVar("T")


class ViewScreen(Screen[None]):
    """One view. A subclass sets VIEW and BINDINGS, composes its `body`, and draws itself in `show_fleet`."""

    VIEW: ClassVar[str] = ""
    _keeping_up = False

    @property
    def quri(self) -> QuriApp:
        """The application, typed."""
        return cast("QuriApp", self.app)

    def compose(self) -> ComposeResult:
        door = self.quri.console_door
        yield StatusBar(door.network.name, production=door.network.production, read_only=door.read_only)
        yield from self.body()
        yield KeyBar(actions_of(self.VIEW))

    def body(self) -> ComposeResult:
        """The widgets between the two lines."""
        raise NotImplementedError

    def show_fleet(self, fleet: FleetStatus) -> None:
        """Draw this picture of the fleet."""

    def text_to_copy(self) -> str:
        """What `copy` takes from this view; empty when there is nothing."""
        return ""

    @property
    def selected(self) -> CanisterView | None:
        """The canister that keys are about."""
        return self.quri.selected

    @property
    def help_page(self) -> tuple[str, str]:
        """The runbook's page for what is chosen, and the canister that it is about; empty where there is none."""
        from quri_console.report.runbook import section_for_findings

        selected = self.selected
        if selected is None:
            return "", ""
        return section_for_findings([finding.rule for finding in selected.health.findings]), selected.name

    def action_context(self) -> ActionContext:
        """What decides which actions make sense now."""
        door, selected = self.quri.console_door, self.selected
        backed_up = selected is not None and selected.last_backup_at_ns is not None
        return ActionContext(
            selected=selected,
            read_only=door.read_only,
            production=door.network.production,
            lockdown=self.quri.status.lockdown,
            backups=int(backed_up),
        )

    def why_not(self, name: str) -> str | None:
        """Why an action of the registry cannot be done now; None when it can."""
        return action(name).disabled(self.action_context())

    def possible(self, name: str) -> bool:
        """Whether an action can be done now; says why not."""
        reason = self.why_not(name)
        if reason is not None:
            self.app.notify(escape(f"{action(name).verb} is not possible: {reason}."), severity="warning", markup=False)
        return reason is None

    def fetch(self, make: Callable[[], Coroutine[Any, Any, T]], show: Callable[[T], None], *, group: str) -> None:
        """Await `make()` beside Textual's loop and `show` what comes; the newest request of a group wins.

        A failure is shown by `show_failure`. Nothing is shown on a view that was left meanwhile.
        """
        # a function: the coroutine of a request that is overtaken before it begins is never made
        work: WorkType[None] = partial(self._fetch, make, show)
        self.run_worker(work, group=group, exclusive=True, exit_on_error=False)

    async def _fetch(self, make: Callable[[], Coroutine[Any, Any, T]], show: Callable[[T], None]) -> None:
        try:
            found = await off_loop(make)
        except Exception as error:  # noqa: BLE001 - whatever it is, the view must say it
            if self.is_attached:
                self.show_failure(as_quri_error(error))
            return
        if self.is_attached:
            show(found)

    def show_failure(self, error: QuriError) -> None:
        """Say that something could not be read or done."""
        from quri_console.render.operation import failure_text

        self.app.notify(failure_text(error), title=self.VIEW, severity="error", timeout=10)

    # keeping up

    def on_mount(self) -> None:
        # Textual calls this of every class there is, and subclasses call it, too
        if self._keeping_up or not self.query(StatusBar):
            return
        self._keeping_up = True
        self._show_status(None)
        self.redraw()
        # ages go up by themselves; widgets write only what then differs
        self.set_interval(
            SLOW_LINK_REDRAW_SECONDS if self.quri.manner.low_bandwidth else AGE_REDRAW_SECONDS, self.redraw
        )

    def on_screen_resume(self) -> None:
        self.redraw()

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self.redraw)

    def redraw(self) -> None:
        """Draw the newest picture again; while the page is put up or taken down there is nothing to draw on."""
        fleet = self.quri.fleet
        if fleet is None or not self.is_current or not self.query(KeyBar):
            return
        self._show_status(fleet)
        self.show_fleet(fleet)
        self.show_keys()

    def _show_status(self, fleet: FleetStatus | None) -> None:
        app = self.quri
        self.query_one(StatusBar).show(
            fleet, self.now_ns, lockdown=app.status.lockdown, paused=app.paused, firing=app.status.firing
        )

    def show_keys(self) -> None:
        """Mute the keys of what cannot be done now."""
        context = self.action_context()
        disabled = (entry.name for entry in actions_of(self.VIEW) if entry.disabled(context) is not None)
        self.query_one(KeyBar).show(frozenset(disabled))

    @property
    def now_ns(self) -> int:
        """Nanoseconds since 1970 by the console's clock."""
        return self.quri.console_door.clock.now_ns()
