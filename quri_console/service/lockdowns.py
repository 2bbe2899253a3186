"""Lockdown as it is switched and told: in one place for all networks of this state folder."""

from __future__ import annotations

from quri_console.clock import utc_datetime
from quri_console.config import Config
from quri_console.effects.audit import LOCKDOWN_OFF, LOCKDOWN_ON, Audit, Event
from quri_console.effects.durable import StateFolderUnusable
from quri_console.effects.lockdown import Lockdown, end_lockdown, put_lockdown, read_lockdown, this_operator
from quri_console.errors import QuriError, UsageError
from quri_console.service.operations import require_writable_session
from quri_console.service.session import Session


def lockdown_on(session: Session, reason: str) -> Lockdown:
    """Turn it on, or give it another reason. Raises UsageError, StateFolderUnusable, QuriError when not audited."""
    reason = _required(reason)
    lockdown = Lockdown(reason, session.clock.now_ns(), this_operator())
    put_lockdown(session.config.paths.state, lockdown)
    session.log.say("lockdown", f"on, by {lockdown.by}: {reason}", "warning", news=True)
    try:
        _audit(session, LOCKDOWN_ON, reason)
    except StateFolderUnusable as error:
        raise QuriError(
            "lockdown is on, but the audit log does not say so", why=str(error), next_step=error.next_step
        ) from error
    return lockdown


def lockdown_off(session: Session, reason: str) -> Lockdown | None:
    """Turn it off; the one that was on. Raises RefusedBySafetyRule, UsageError, StateFolderUnusable (then it is on)."""
    require_writable_session(session, "end of a lockdown")
    reason = _required(reason)
    if read_lockdown(session.config.paths.state) is None:
        return None
    _audit(session, LOCKDOWN_OFF, reason)
    ended = end_lockdown(session.config.paths.state)
    session.log.say("lockdown", f"off, by {this_operator()}: {reason}", "warning", news=True)
    return ended


def _required(reason: str) -> str:
    if not reason.strip():
        raise UsageError("--reason is empty", next_step="Say why: others will read it.")
    return reason.strip()


def _audit(session: Session, action: str, reason: str) -> None:
    event = Event(action, target=str(session.config.paths.state), reason=reason)
    Audit(session.config.paths.state, session.clock).note(event)


def lockdown_notice(config: Config) -> str:
    """What is said of a lockdown wherever the fleet is shown; empty when it is off."""
    lockdown = read_lockdown(config.paths.state)
    return "" if lockdown is None else lockdown_words(lockdown)


def lockdown_words(lockdown: Lockdown) -> str:
    """A lockdown in one sentence."""
    since = f" since {utc_datetime(lockdown.since_ns):%Y-%m-%d %H:%M:%S} UTC" if lockdown.since_ns else ""
    by = f", by {lockdown.by}" if lockdown.by else ""
    return f"LOCKDOWN{since}{by}: {lockdown.reason}"
