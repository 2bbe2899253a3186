"""The fleet as a Nagios plugin says it: an exit code, one line, and performance data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from quri_console.config import Thresholds
from quri_console.errors import QuriError
from quri_console.monitor.fleet import CanisterView, FleetStatus
from quri_console.monitor.rules import HealthLevel
from quri_console.render.escape import escape
from quri_console.units import DAY_SECONDS

NAGIOS_OK, NAGIOS_WARNING, NAGIOS_CRITICAL, NAGIOS_UNKNOWN = range(4)

LINE_BYTES = 1024
"""Older agents cut a plugin's output here."""
TEXT_BYTES = 512
NAMED_CANISTERS = 5

# worst first: a canister that nobody sees is less urgent than one known to be in danger
_CODES: dict[HealthLevel, int] = {
    "critical": NAGIOS_CRITICAL,
    "warning": NAGIOS_WARNING,
    "unknown": NAGIOS_UNKNOWN,
    "ok": NAGIOS_OK,
}
_ORDER: tuple[HealthLevel, ...] = tuple(_CODES)
_WORDS = {NAGIOS_OK: "OK", NAGIOS_WARNING: "WARNING", NAGIOS_CRITICAL: "CRITICAL", NAGIOS_UNKNOWN: "UNKNOWN"}

ThresholdsById = Mapping[str, Thresholds]


def nagios_code(fleet: FleetStatus) -> int:
    """0 when every canister is healthy, else the code of the worst health; 3 for a fleet without canisters."""
    if not fleet.canisters:
        return NAGIOS_UNKNOWN
    return _CODES[min((view.health.level for view in fleet.canisters), key=_ORDER.index)]


def nagios_line(fleet: FleetStatus, thresholds: ThresholdsById | None = None) -> str:
    """One line of at most 1 KiB: what is wrong, worst first, then performance data as far as it fits.

    `thresholds` are those of each canister id; without them the data carries no limits.
    """
    line = f"{_summary(fleet)} |"
    for item in _performance_data(fleet, thresholds or {}):
        # a part of an item would be read as another number
        if len(line.encode()) + 1 + len(item.encode()) > LINE_BYTES:
            break
        line += f" {item}"
    return line


def nagios_long_output(fleet: FleetStatus, thresholds: ThresholdsById | None = None) -> str:
    """The line, then every canister with all its reasons, then all performance data; no newline at the end."""
    first, *rest = _performance_data(fleet, thresholds or {})
    lines = [f"{_summary(fleet)} | {first}"]
    for view in _worst_first(fleet):
        reasons = "; ".join(_text(reason) for reason in view.health.reasons)
        lines.append(f"{view.health.level}: {_text(view.name)}" + (f": {reasons}" if reasons else ""))
    if rest:
        lines[-1] += f" | {rest[0]}"
        lines.extend(rest[1:])
    return "\n".join(lines)


def nagios_failure(error: QuriError) -> str:
    """The line for a check that could not look, whose code is `NAGIOS_UNKNOWN`."""
    return _cut(f"QURI UNKNOWN: {_text(str(error))}")


def _summary(fleet: FleetStatus) -> str:
    head = f"QURI {_WORDS[nagios_code(fleet)]}:"
    network = _text(fleet.network)
    if not fleet.canisters:
        return f"{head} no canister is configured on {network}"
    counts = [
        f"{count} {level}"
        for level in _ORDER
        if (count := sum(view.health.level == level for view in fleet.canisters)) and level != "ok"
    ]
    total = len(fleet.canisters)
    text = f"{head} {', '.join(counts)} of {total} on {network}" if counts else f"{head} {total} healthy on {network}"
    unwell = [view for view in _worst_first(fleet) if view.health.level != "ok"]
    named = [_reason(view) for view in unwell[:NAMED_CANISTERS]]
    if len(unwell) > NAMED_CANISTERS:
        named.append(f"and {len(unwell) - NAMED_CANISTERS} more")
    notice = [_text(fleet.notice)] if fleet.notice else []
    return _cut(". ".join([text, *notice, *(["; ".join(named)] if named else [])]))


def _reason(view: CanisterView) -> str:
    reasons = view.health.reasons
    return f"{_text(view.name)}: {_text(reasons[0], limit=100) if reasons else view.health.level}"


def _worst_first(fleet: FleetStatus) -> list[CanisterView]:
    return sorted(fleet.canisters, key=lambda view: (_ORDER.index(view.health.level), _runway_rank(view)))


def _runway_rank(view: CanisterView) -> float:
    return view.runway_seconds if view.runway_seconds is not None else float("inf")


def _performance_data(fleet: FleetStatus, thresholds: ThresholdsById) -> Iterator[str]:
    """The fleet's own numbers, then those of each canister, worst first."""
    shortest = min(fleet.canisters, key=_runway_rank, default=None)
    if shortest is not None and shortest.runway_seconds is not None:
        yield _runway("runway_days", shortest.runway_seconds, thresholds.get(shortest.canister_id))
    for level in _ORDER:
        count = sum(view.health.level == level for view in fleet.canisters)
        yield _item(level, str(count), highest=str(len(fleet.canisters)))
    for view in _worst_first(fleet):
        limits = thresholds.get(view.canister_id)
        if view.runway_seconds is not None:
            yield _runway(f"{view.name} runway_days", view.runway_seconds, limits)
        if view.cycles is not None:
            low = (str(limits.warning_cycles), str(limits.critical_cycles)) if limits else ("", "")
            yield _item(f"{view.name} cycles", str(view.cycles), *low)
        if view.memory_bytes is not None:
            yield _item(f"{view.name} memory", f"{view.memory_bytes}B")


def _runway(label: str, seconds: float, limits: Thresholds | None) -> str:
    low = (_days(limits.warning_runway_seconds), _days(limits.critical_runway_seconds)) if limits else ("", "")
    # rounded down: 6.99 days are less than 7, and must not look like 7
    return _item(label, f"{int(seconds / DAY_SECONDS * 10) / 10:.1f}", *low)


def _days(seconds: float) -> str:
    return f"{seconds / DAY_SECONDS:.3f}".rstrip("0").rstrip(".")


def _item(label: str, value: str, warning: str = "", critical: str = "", highest: str = "") -> str:
    """`'label'=value;warning;critical;min;max`.

    The limits are ranges: `30:` means that less than 30 is bad, while a plain `30` would mean that more is.
    """
    limits = ";".join(f"{limit}:" if limit else "" for limit in (warning, critical))
    return f"{_label(label)}={value};{limits};0;{highest}".removesuffix(";")


def _label(label: str) -> str:
    """A label without `=` and `|`, which end it; quoted when it is more than a word, its quotes doubled."""
    clean = _text(label).replace("=", "_")
    return clean if clean.replace("_", "").isalnum() and clean.isascii() else "'" + clean.replace("'", "''") + "'"


def _text(text: str, *, limit: int | None = None) -> str:
    """On one line, without the bar that begins the performance data."""
    return escape(text, limit=limit).replace("|", "/")


def _cut(text: str) -> str:
    data = text.encode()
    return text if len(data) <= TEXT_BYTES else data[: TEXT_BYTES - 3].decode("utf-8", "ignore") + "…"
