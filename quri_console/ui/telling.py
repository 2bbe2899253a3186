"""What the console says by itself: toasts, which are kept in a list, and the terminal's bell."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from textual.notifications import SeverityLevel
from textual.widgets import Input

from quri_console.errors import QuriError
from quri_console.render.escape import escape
from quri_console.render.spans import sentence
from quri_console.render.zone import retold
from quri_console.ui.frames import ThriftyApp
from quri_console.ui.notices import Notice, Notices
from quri_console.ui.screens.view import ViewScreen

if TYPE_CHECKING:
    from quri_console.console import Console
    from quri_console.service.following import OperationHandle

LONGEST_DESKTOP_TEXT = 200


class TellingApp(ThriftyApp):
    """The part of the application that speaks."""

    console_door: Console
    notices: Notices

    def poll_now(self) -> None:
        """Ask the service for a round at once."""
        raise NotImplementedError

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Say something in the corner, and keep it in the list of notices."""
        now_ns = self.console_door.clock.now_ns()
        message = retold(message, now_ns)
        self.notices.keep(Notice(now_ns, severity, title, message))
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=markup)

    def tell_when_ended(self, handle: OperationHandle) -> None:
        """Say how an operation ended whose page was left."""
        self.run_worker(self._tell_when_ended(handle))

    async def _tell_when_ended(self, handle: OperationHandle) -> None:
        try:
            outcome = await handle.wait()
        except QuriError as error:
            self.notify(escape(error.what), title=handle.id, severity="error")
            return
        text = " ".join(sentence(part) for part in (outcome.what, outcome.next_step) if part)
        self.notify(escape(text), title=handle.id, severity="information" if outcome.ok else "error", timeout=15)
        self.poll_now()

    # closing what was said

    def push_screen(self, screen: Any, *args: Any, **options: Any) -> Any:
        """The same; toasts go, because they would cover the lowest lines, in which a page or a panel asks."""
        self.clear_notifications()
        return super().push_screen(screen, *args, **options)

    def action_close_notice(self) -> None:
        """Close the toasts; the list keeps what they said."""
        self.clear_notifications()

    def action_close_notice_first(self) -> None:
        """The same by Esc, which does what it else does when it is pressed again."""
        self.clear_notifications()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key is for this: in dialogs and while something is typed, Esc is for them alone."""
        if action != "close_notice_first":
            return super().check_action(action, parameters)
        typing = isinstance(self.focused, Input)
        return bool(self._notifications) and isinstance(self.screen, ViewScreen) and not typing

    # where nobody looks

    def ring(self, what: Collection[str]) -> None:
        """The bell, and a message of the desktop by OSC 9, where the configuration wants them; `what` has happened."""
        wanted = self.console_door.config.ui
        if wanted.bell:
            self.bell()
        if wanted.osc9 and self._driver is not None:
            self._driver.write(
                desktop_message(f"quri-console: {'; '.join(sorted(what))}", in_tmux="TMUX" in os.environ)
            )


def desktop_message(text: str, *, in_tmux: bool) -> str:
    """The sequence by which a terminal shows a message outside of itself; tmux hands it on where that is allowed."""
    sequence = f"\x1b]9;{escape(text, limit=LONGEST_DESKTOP_TEXT)}\x07"
    doubled = sequence.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{doubled}\x1b\\" if in_tmux else sequence
