"""What a message says of alerts: short, for a tired reader. Text from canisters is not escaped here."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence

from quri_console.clock import NANOSECONDS_PER_SECOND, utc_datetime
from quri_console.monitor.alert_state import Alert
from quri_console.monitor.notification import AlertNote
from quri_console.monitor.rules import MOMENTARY, RANK, HealthLevel, Rule
from quri_console.units import format_duration

MAX_LINES = 20

_PROGRAM = "quri-console"
_TOP_UP, _START = f"{_PROGRAM} topup {{name}} 2T", f"{_PROGRAM} start {{name}}"
_DOCTOR = f"{_PROGRAM} doctor"
_BURN = f"{_PROGRAM} burn {{name}}"
_HISTORY = f"{_PROGRAM} history {{name}} --since 2d"
_RESTORE = f"{_PROGRAM} restore {{name}} --from latest --dry-run"
_COMPARE = f"{_PROGRAM} diff latest/{{name}} live"
_STATUS = f"{_PROGRAM} status"

# The command that helps first; it changes nothing without asking.
ACTIONS: dict[Rule, str] = {
    "never-seen": _DOCTOR,
    "stale": _DOCTOR,
    "unreachable": _DOCTOR,
    "untrusted": _DOCTOR,
    "rejected": _DOCTOR,
    "not-authorised": _DOCTOR,
    "deleted": f"{_PROGRAM} create {{name}} --from latest --cycles 2T --dry-run",
    "emptied": _TOP_UP,
    "no-code": _RESTORE,
    "stopped": _START,
    "stopping": _START,
    "frozen": _TOP_UP,
    "cycles-low": _TOP_UP,
    "runway-short": _TOP_UP,
    "reserved-near-limit": _STATUS,
    "heap-near-limit": _STATUS,
    "stable-near-limit": _STATUS,
    "memory-growth": _HISTORY,
    "controllers-changed": _COMPARE,
    "module-changed": _COMPARE,
    "backup-overdue": f"{_PROGRAM} backup {{name}}",
    "not-ready": f"{_PROGRAM} ready {{name}}",
    "snapshot-slots": _STATUS,
    "clock-skew": _DOCTOR,
    "burn-anomaly": _BURN,
    "payer-low": _DOCTOR,
    "channel-dead": _DOCTOR,
    "schedule-late": f"{_PROGRAM} schedule list",
}


def action(rule: Rule, subject: str, name: str) -> str:
    """The command to run, ready to be pasted."""
    return ACTIONS[rule].format(subject=shlex.quote(subject), name=shlex.quote(name))


def fingerprint(network: str, subject: str, rule: str) -> str:
    """The same for the same alert for ever: 16 hexadecimal digits."""
    return hashlib.sha256("\0".join((network, subject, rule)).encode("utf-8", "replace")).hexdigest()[:16]


def note(alert: Alert, network: str, name: str, runbook_url: str) -> AlertNote:
    """One alert as a message shows it."""
    over = alert.state in ("resolved", "gone")
    return AlertNote(
        fingerprint=fingerprint(network, alert.subject, alert.rule),
        network=network,
        subject=alert.subject,
        name=name,
        rule=alert.rule,
        level=alert.level,
        status="resolved" if over else "firing",
        summary=summary(alert),
        started_at_ns=alert.started_ns,
        # a clock that went back in between must not make it end before it began
        ended_at_ns=max(alert.since_ns, alert.started_ns) if over else None,
        value=alert.value,
        threshold=alert.threshold,
        action="" if over else action(alert.rule, alert.subject, name),
        runbook_url=runbook_url,
    )


def summary(alert: Alert) -> str:
    """What is wrong, or that it is over."""
    if alert.state in ("resolved", "gone"):
        if alert.rule in MOMENTARY:
            return f"no further change; it was: {alert.text}"
        return f"over after {_between(alert.started_ns, alert.since_ns)}; it was: {alert.text}"
    if alert.flapping:
        return f"flapping, it comes and goes (nothing more is sent until that is over): {alert.text}"
    return alert.text


def line(item: AlertNote, now_ns: int) -> str:
    """One alert in one line: which, what, since when, value and threshold, and what to do."""
    since = utc_datetime(item.started_at_ns).strftime("%Y-%m-%d %H:%M UTC")
    parts = [f"{item.name}: {item.summary}"]
    if item.status == "firing":
        parts.append(f"since {since} ({_between(item.started_at_ns, now_ns)})")
    # most sentences hold both already
    if item.value and item.value not in item.summary:
        parts.append(f"{item.value}, threshold {item.threshold}" if item.threshold else item.value)
    if item.action:
        parts.append(item.action)
    return " · ".join(parts)


def title(network: str, notes: Sequence[AlertNote]) -> str:
    """`[ic] 2 critical, 1 warning: rune-engine (frozen), …`; of all alerts of a message, worst first."""
    firing = [item for item in notes if item.status == "firing"]
    counts = [_count(firing, level) for level in ("critical", "warning", "unknown")]
    over = len(notes) - len(firing)
    counts.append(f"{over} resolved" if over else "")
    shown = [f"{item.name} ({item.rule})" for item in notes[:3]]
    more = ", …" if len(notes) > len(shown) else ""
    return f"[{network}] {', '.join(filter(None, counts))}: {', '.join(shown)}{more}"


def still_firing(count: int) -> str:
    """How many alerts go on that a message does not tell again."""
    if not count:
        return ""
    return "1 more alert is still firing." if count == 1 else f"{count} more alerts are still firing."


def network_unreachable(canisters: int) -> str:
    """No canister answers: it is the network, or the way to it."""
    return f"unreachable: none of the {canisters} canisters answers; nothing is known of any of them"


def order(item: AlertNote) -> tuple[bool, int, str, str]:
    """Firing before resolved, worst first, then by name."""
    return (item.status == "resolved", -RANK[item.level], item.name, item.rule)


def event(alert: Alert, before: Alert | None) -> tuple[str, str] | None:
    """(state, text) for the history, if what happened is worth a line there."""
    if before is not None and before.flapping != alert.flapping:
        return ("flapping", alert.text) if alert.flapping else ("settled", "it no longer comes and goes")
    was = before.state if before is not None else "gone"
    if alert.state == "firing" and was in ("pending", "resolved", "gone"):
        return "firing", alert.text
    if alert.state == "resolved" and was in ("pending", "firing", "resolving"):
        return "resolved", f"after {_between(alert.started_ns, alert.since_ns)}"
    if before is not None and alert.state == "firing" and before.level != alert.level:
        return "firing", f"{before.level} → {alert.level}: {alert.text}"
    return None


def _count(notes: Sequence[AlertNote], level: HealthLevel) -> str:
    count = sum(item.level == level for item in notes)
    return f"{count} {level}" if count else ""


def _between(from_ns: int, to_ns: int) -> str:
    return format_duration(max(0, to_ns - from_ns) / NANOSECONDS_PER_SECOND)
