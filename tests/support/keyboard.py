"""What an operator types: the ways through the console, key by key."""

from __future__ import annotations

from tests.support.tmux import TmuxSession


def open_view(session: TmuxSession, key: str, *texts: str) -> str:
    """Go to a view; its screen."""
    session.press(key)
    return session.wait_for(*texts)


def to_the_plan(session: TmuxSession) -> str:
    """From the fleet through the wizard to the dry run of the restore of the canister under the cursor; its screen."""
    session.press("r")
    session.wait_for("What helps, least destructive first", "backup", "what was written since is lost")
    _choose(session, "backup")
    session.press("Enter")
    session.wait_for("From which restore point", "never verified")
    session.press("Enter")
    return session.wait_for("Why? Enter goes on", "way back")


def _choose(session: TmuxSession, remedy: str) -> None:
    """Put the cursor on a remedy: the least destructive one is above, this is the last one."""
    session.press("G")
    session.wait_for(f"{remedy}: ")


def confirm(session: TmuxSession, target: str, *, reason: str = "") -> None:
    """Give a reason where one is asked for, then type the name."""
    if reason:
        session.type(reason)
        session.press("Enter")
    session.wait_for(f"Type {target} and press Enter")
    session.type(target)
    session.press("Enter")
