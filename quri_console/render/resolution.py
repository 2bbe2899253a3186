"""What an operation left behind and what marking it resolved does and does not, in lines and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.render.zone import moment_text

if TYPE_CHECKING:
    from quri_console.restore.resolution import LeftCanister, LeftSnapshot, Resolution

_STATES = {
    "old": "has its state from before",
    "new": "has the state that the operation brought",
    "unknown": "has either its state from before or the one that the operation brought",
}
_UNDONE = "Marking it resolved undoes nothing: no state is put back, no snapshot deleted, no cycles are paid back."


def resolution_lines(resolution: Resolution, *, leave_stopped: bool = False) -> tuple[Line, ...]:
    """What is there, what marking does, and what it leaves as it is."""
    return tuple(_lines(resolution, leave_stopped=leave_stopped))


def _lines(resolution: Resolution, *, leave_stopped: bool) -> Iterator[Line]:
    yield (Span(f"{escape(resolution.operation)} left behind:", "title"),)
    if resolution.problem:
        text = f"  The network could not be looked at: {escape(resolution.problem)}"
        yield (Span(text, "status-warning"),)
    if not resolution.canisters:
        yield (Span("  It did nothing to any canister.", "muted"),)
    for item in resolution.canisters:
        yield from _canister_lines(item, resolution)
    yield from _other_lines(resolution)
    yield ()
    yield (Span(_UNDONE, "title"),)
    yield from _promises(resolution, leave_stopped=leave_stopped)


def _canister_lines(item: LeftCanister, resolution: Resolution) -> Iterator[Line]:
    name, now = escape(item.name), escape(item.now)
    if item.to_start:
        seen = f"is {now}" if now else "may be stopped still (the network did not show it)"
        yield (Span(f"  {name} {seen}: the operation stopped it, and it ran before", "status-critical"),)
    elif item.held and now:
        yield (Span(f"  {name} is {now}: somebody, or its start guard, started it again"),)
    else:
        yield (Span(f"  {name} {f'is {now}' if now else 'was not shown by the network'}"),)
    if item.problem and not resolution.problem:
        yield (Span(f"    not seen: {escape(item.problem)}", "status-warning"),)
    if resolution.kind in ("restore", "rollback", "module"):
        yield (Span(f"    {_STATES[item.loaded]}", "status-warning" if item.loaded != "old" else ""),)
    for snapshot in item.safety:
        yield (Span(f"    safety snapshot {snapshot.id.hex()} {_where(snapshot)}"),)
    for snapshot in item.own:
        yield (Span(f"    uploaded snapshot, perhaps not whole: {snapshot.id.hex()} {_where(snapshot)}"),)


def _where(snapshot: LeftSnapshot) -> str:
    if snapshot.on_chain is None:
        return "(whether it is on chain is not known)"
    return "is on chain and costs cycles" if snapshot.on_chain else "is not on chain any more"


def _other_lines(resolution: Resolution) -> Iterator[Line]:
    for effect in resolution.unsettled:
        yield (Span(f"  how it ended is not known: {escape(effect)}", "status-warning"),)
    for lease in resolution.leases:
        yield (Span(f"  somebody works on it now: {escape(lease)}", "status-warning"),)
    if resolution.repository_lock:
        yield (Span(f"  lock of the repository, which goes away by itself: {escape(resolution.repository_lock)}"),)
    if resolution.guarded_until_ns:
        until = moment_text(resolution.guarded_until_ns)
        yield (Span(f"  its start guard may still start what is stopped, until {until}"),)
    if resolution.begun_by:
        by = escape(resolution.begun_by)
        yield (Span(f"  {by} marked it before and was cut off: this finishes it", "status-warning"),)


def _promises(resolution: Resolution, *, leave_stopped: bool) -> Iterator[Line]:
    names = escape(" and ".join(item.name for item in resolution.to_start))
    if names and leave_stopped:
        yield (Span(f"{names} is LEFT STOPPED, on purpose: nothing starts it again.", "status-critical"),)
    elif names:
        yield (Span(f"{names} is started first; that failing, nothing is marked."),)
    operation = escape(resolution.operation)
    yield (Span("After it nothing resumes, aborts or waits for the operation any more."),)
    if any(item.safety and item.loaded != "old" for item in resolution.canisters):
        yield (Span(f"The way back stays: quri-console rollback {operation}"),)
    if any(item.own for item in resolution.canisters):
        yield (Span("What it uploaded is deleted by: quri-console snapshots clean"),)


def resolution_json(resolution: Resolution) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "operation": resolution.operation,
        "kind": resolution.kind,
        "network": resolution.network,
        "production": resolution.production,
        "problem": resolution.problem,
        "canisters": [_canister_json(item) for item in resolution.canisters],
        "unsettled": list(resolution.unsettled),
        "leases": list(resolution.leases),
        "repository_lock": resolution.repository_lock,
        "guarded_until_ns": resolution.guarded_until_ns or None,
        "begun_by": resolution.begun_by or None,
    }


def _canister_json(item: LeftCanister) -> dict[str, Any]:
    return {
        "id": item.canister.to_str(),
        "name": item.name,
        "status": item.now or None,
        "status_before": item.was,
        "to_start": item.to_start,
        "state": item.loaded,
        "problem": item.problem,
        "safety_snapshots": [_snapshot_json(snapshot) for snapshot in item.safety],
        "own_snapshots": [_snapshot_json(snapshot) for snapshot in item.own],
    }


def _snapshot_json(snapshot: LeftSnapshot) -> dict[str, Any]:
    return {"id": snapshot.id.hex(), "on_chain": snapshot.on_chain}
