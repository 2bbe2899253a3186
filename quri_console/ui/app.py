"""The application: one console door, one service thread, and a view for each question."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.filter import LineFilter
from textual.screen import Screen
from textual.worker import WorkType

from quri_console.console import Console
from quri_console.monitor.fleet import CanisterView, FleetStatus
from quri_console.render.actions import ACTIVITY, FLEET
from quri_console.render.escape import escape
from quri_console.render.zone import show_zone
from quri_console.ui.ascii_filter import AsciiFilter
from quri_console.ui.background import blocking, off_loop
from quri_console.ui.config_watch import ConfigWatch
from quri_console.ui.everywhere import EverywhereActions
from quri_console.ui.messages import FleetChanged
from quri_console.ui.notices import Notices
from quri_console.ui.options import Manner, manner_after
from quri_console.ui.screens.too_small import TooSmallScreen, is_too_small
from quri_console.ui.screens.view import ViewScreen
from quri_console.ui.session_state import SessionState
from quri_console.ui.status import ConsoleStatus, StatusLook
from quri_console.ui.theme_choice import is_colourless, suitable_theme
from quri_console.ui.theme_files import DEFAULT_ROLES
from quri_console.ui.theme_shelf import ThemeShelf
from quri_console.ui.views import VIEW_SCREENS

if TYPE_CHECKING:
    from quri_console.config.live import LiveChange
    from quri_console.drill.referee import News
    from quri_console.service.thread import ServiceHandle


LOOK_SECONDS = 2.0
"""Between two looks at theme files and the configuration."""
SLOW_LINK_SECONDS = 5.0
"""Between two pictures with --low-bandwidth."""


class QuriApp(EverywhereActions):
    """The terminal console. `selected_id` is the canister that every view is about."""

    TITLE = "quri-console"
    ENABLE_COMMAND_PALETTE = False
    # where a view's own keys are not: pages that were opened from one
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "runbook", "Runbook", show=False),
        Binding("question_mark", "help", "Help", show=False),
        Binding("N", "close_notice", "Close notice", show=False),
        Binding("escape", "close_notice_first", "Close notice", show=False, priority=True),
    ]
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = dict(VIEW_SCREENS)

    def __init__(
        self,
        console: Console,
        *,
        manner: Manner | None = None,
        selected_id: str | None = None,
        driver_class: type[Driver] | None = None,
        news: Callable[[], Sequence[News]] | None = None,
    ) -> None:
        colourless = is_colourless(os.environ)
        # Textual chooses its colour filter in its constructor: only with ANSI colours does it drop all of them
        super().__init__(driver_class=driver_class, ansi_color=True if colourless else None)
        self.manner = manner or Manner()
        show_zone(self.manner.zone)
        self.console_door = console
        self.session_state = SessionState.load(console.config.paths.state, console.network.name)
        self.fleet: FleetStatus | None = None
        self.selected_id = selected_id or self._known(self.session_state.selected_id)
        self.alerts_asked_of: str | None = None
        """The canister whose alert the alerts view is to choose when it is opened next."""
        self.paused = False
        self._news = news
        self.notices = Notices()
        self.status = ConsoleStatus()
        self._status_look = StatusLook(console)
        self.newest: FleetStatus | None = None
        self._service: ServiceHandle | None = None
        self._held_back = False
        self._ascii = AsciiFilter()
        self._config_watch = ConfigWatch(self, console.config.path)
        self.shelf = ThemeShelf.of(self, console, self.manner.theme_dir, self._warn_of_themes, colourless=colourless)
        self._theme_at_start = self.manner.theme or suitable_theme(os.environ, few=self.manner.low_bandwidth)

    def _known(self, canister_id: str | None) -> str | None:
        """A remembered canister, if it still is one of the fleet."""
        ids = {canister.id for canister in self.console_door.config.canisters}
        return canister_id if canister_id in ids else None

    @property
    def selected(self) -> CanisterView | None:
        """The canister that was chosen last, in the picture that is shown."""
        if self.fleet is None or self.selected_id is None:
            return None
        return self.fleet.canister(self.selected_id)

    @property
    def failure(self) -> Exception | None:
        """What nobody foresaw and ended the console."""
        return self._exception

    def _handle_exception(self, error: Exception) -> None:
        """A page that is taken down while it is put up finds its parts gone: once we leave, that is no failure."""
        if not self._exit:
            super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """End without the traceback that Textual prints: the command line says it in words."""
        self._close_messages_no_wait()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Every role our style sheets use has a value, whatever a theme file leaves out."""
        return dict(DEFAULT_ROLES)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's own, and the one that draws ASCII only."""
        return [*super().get_line_filters(), *([self._ascii] if self.manner.ascii else [])]

    def on_mount(self) -> None:
        self.shelf.load(self._theme_at_start)
        self.set_interval(LOOK_SECONDS, self._look_around)
        remembered = self.session_state.view
        self.switch_mode(self.manner.view or (remembered if remembered in VIEW_SCREENS else None) or FLEET)
        if self.session_state.problem:
            self.notify(escape(self.session_state.problem, limit=300), severity="warning", timeout=10)
        self._service = self.console_door.start_service(self._publish)
        self.call_after_refresh(self._judge_size)
        self.run_worker(self._show_interrupted(), exit_on_error=False)
        self._tell_news()

    async def _show_interrupted(self) -> None:
        """What died before its end comes first: it may have left a canister half-way."""
        operations = await off_loop(self.console_door.all_operations)
        here = self.console_door.network.name
        dead = [item.id for item in operations if item.state == "interrupted" and item.network == here]
        if not dead:
            return
        which = dead[0] if len(dead) == 1 else f"{len(dead)} operations"
        self.notify(
            f"{which} died before the end. R resumes it, A ends it as it was before, X marks it resolved.",
            title="Interrupted",
            severity="error",
            timeout=30,
        )
        if self.manner.view is None:
            self.switch_mode(ACTIVITY)

    def _warn_of_themes(self, text: str) -> None:
        self.notify(text, title="Themes", severity="warning", timeout=15)

    def _tell_news(self) -> None:
        """Say what a drill has to say, as long as it takes to read it."""
        for item in self._news() if self._news is not None else ():
            self.notify(escape(item.text, limit=500), title=item.title, severity=item.severity, timeout=60)

    def _look_around(self) -> None:
        self.shelf.reload_if_changed()
        self._tell_news()
        self._config_watch.look()
        self._keep_session()

    @property
    def in_dialog(self) -> bool:
        """Whether a page lies over a view, in whichever view it was opened."""
        return any(len(stack) > 1 for stack in self._screen_stacks.values())

    async def use_config(self, change: LiveChange) -> None:
        """Go on with another configuration: the service starts anew, whoever is selected stays so."""
        before = self.console_door.config.ui
        self.console_door.use_config(change.config)
        self._use_manner(manner_after(self.manner, before, change.config.ui))
        service, self._service = self._service, None
        if service is not None:
            # it waits for what runs, and this loop draws
            await off_loop(blocking(service.stop))
        self._service = self.console_door.start_service(self._publish)

    def _use_manner(self, manner: Manner) -> None:
        before, self.manner = self.manner, manner
        if manner.theme != before.theme:
            self.shelf.load(manner.theme or suitable_theme(os.environ, few=manner.low_bandwidth))
        if manner.zone != before.zone:
            show_zone(manner.zone)
            self.redraw_views()

    def on_resize(self, event: events.Resize) -> None:
        self.call_later(self._judge_size)

    def _judge_size(self) -> None:
        """Cover everything while the screen is too small to read it."""
        covered = isinstance(self.screen, TooSmallScreen)
        if is_too_small(self.size) and not covered:
            self.push_screen(TooSmallScreen())
        elif covered and is_too_small(self.size):
            self.screen.query_one("#too-small")
            assert isinstance(self.screen, TooSmallScreen)
            self.screen.tell(self.size)
        elif covered:
            self.pop_screen()

    # pictures

    def _publish(self, fleet: FleetStatus) -> None:
        self.post_message(FleetChanged(fleet))

    def on_fleet_changed(self, message: FleetChanged) -> None:
        self.newest = message.fleet
        if self.fleet is None or not (self.paused or self._held_back):
            self.show_newest()
        # what that imports waits until the first picture is drawn
        self.call_after_refresh(self.look_up_status)

    def show_newest(self) -> None:
        self._held_back = False
        self.fleet = self.newest
        if self.manner.low_bandwidth:
            self._held_back = True
            self.set_timer(SLOW_LINK_SECONDS, self._let_go)
        self.redraw_views()

    def _let_go(self) -> None:
        """A slow link gets the newest of the pictures that came meanwhile."""
        self._held_back = False
        if self.newest is not self.fleet and not self.paused:
            self.show_newest()

    def redraw_views(self) -> None:
        """Draw what is on screen again; only what differs is written."""
        for screen in self.screen_stack:
            if isinstance(screen, ViewScreen):
                screen.redraw()

    def look_up_status(self) -> None:
        """Ask how many alerts fire and whether lockdown is on; what differs is shown."""
        work: WorkType[None] = self._look_up_status
        self.run_worker(work, group="status", exclusive=True, exit_on_error=False)

    async def _look_up_status(self) -> None:
        status = await self._status_look.newest()
        if status is None:
            return
        before, self.status = self.status, status
        new = status.critical - before.critical
        # what fires already when the console is opened is seen
        if new and before.looked_up:
            self.ring(new)
        if status != before:
            self.redraw_views()

    def poll_now(self) -> None:
        """Ask the service for a round at once."""
        if self._service is not None:
            self._service.poll_now()

    # leaving

    async def action_quit(self) -> None:
        self.exit(0)

    def _keep_session(self) -> None:
        """Nobody tells a console before it is killed."""
        self._remember()
        if self.session_state.changed:
            work: WorkType[None] = partial(off_loop, blocking(self.session_state.saving()))
            self.run_worker(work, group="session", exit_on_error=False)

    def _remember(self) -> None:
        self.session_state.remember(self.current_mode if self.current_mode in VIEW_SCREENS else None, self.selected_id)

    def on_unmount(self) -> None:
        self._remember()
        self.session_state.save()
        if self._service is not None:
            self._service.stop()
