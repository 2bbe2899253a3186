"""A prune's plan as lines: what goes now and why, what goes later, what is written anew, what must stay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.units import format_bytes, format_duration

if TYPE_CHECKING:
    from quri_console.repository.prune_plan import PackStep, PrunePlan, PruneResult, Repack
    from quri_console.repository.removal_rules import Objection


def prune_plan_json(plan: PrunePlan) -> dict[str, Any]:
    """The plan as JSON values: sizes in bytes, times in ISO 8601, packs by their SHA-256 in hex."""
    return {
        "now": plan.now.isoformat(),
        "grace_seconds": plan.grace.total_seconds(),
        "freed_now_bytes": plan.freed_now_bytes,
        "freed_later_bytes": plan.freed_later_bytes,
        "rewritten_bytes_estimate": plan.rewritten_bytes,
        "refusals": [_objection_json(item) for item in plan.refusals],
        "kept_back": [_objection_json(item) for item in plan.kept_back],
        "backups_deleted": [{"backup": item.name, "bytes": item.size, "why": item.why} for item in plan.sets],
        "backups_waiting": [
            {"backup": item.name, "bytes": item.size, "until": item.until.isoformat()} for item in plan.waiting_sets
        ],
        "packs_deleted": [_pack_json(item) for item in plan.deleted],
        "packs_marked": [_pack_json(item) for item in plan.marked],
        "packs_unmarked": [_pack_json(item) for item in plan.unmarked],
        "packs_waiting": [_pack_json(item) for item in plan.waiting_packs],
        "packs_repacked": [
            {**_pack_json(item), "unneeded_bytes_estimate": item.unneeded_bytes} for item in plan.repacked
        ],
        "index_compacted": plan.compacts_index,
        "leftover_files": [item.path for item in (*plan.temporary_files, *plan.notes)],
    }


def prune_result_json(result: PruneResult) -> dict[str, Any]:
    """The plan that was carried out, and what it came to."""
    return {
        **prune_plan_json(result.plan),
        "freed_bytes": result.freed_bytes,
        "written_bytes": result.written_bytes,
        "new_packs": result.new_packs,
        "damaged_packs": [{"pack": item.id.hex(), "why": item.why} for item in result.damaged],
    }


def _objection_json(item: Objection) -> dict[str, str]:
    return {"backup": item.set_name, "what": item.what, "why": item.why, "next": item.next_step}


def _pack_json(item: PackStep | Repack) -> dict[str, Any]:
    return {"pack": item.id.hex(), "bytes": item.size, "why": item.why}


def prune_plan_lines(plan: PrunePlan) -> tuple[Line, ...]:
    """The whole plan; packs with one reason are summed up."""
    if plan.refusals:
        return tuple(_objections("Nothing can be pruned", plan.refusals, "status-critical"))
    return (*_now(plan), *_later(plan), *_objections("Kept although forgotten", plan.kept_back, "status-warning"))


def prune_result_lines(result: PruneResult) -> tuple[Line, ...]:
    """What a prune came to."""
    later = result.plan.freed_later_bytes
    rest = f"; {format_bytes(later)} more may go later" if later else ""
    written = f", {format_bytes(result.written_bytes)} written anew" if result.written_bytes else ""
    return (
        (Span(f"Freed {format_bytes(result.freed_bytes)}{written}{rest}."),),
        *(
            (Span(f"Left as it is: pack {item.id.hex()[:12]}, because it is damaged: {escape(item.why)}", "error"),)
            for item in result.damaged
        ),
    )


def _now(plan: PrunePlan) -> Iterator[Line]:
    if plan.is_empty:
        yield (Span("There is nothing to prune now."),)
        return
    yield (Span(f"Now: frees {format_bytes(plan.freed_now_bytes)}", "title"),)
    for item in plan.sets:
        yield _line("delete", f"backup {item.name}", item.size, item.why)
    yield from _packs("delete", plan.deleted)
    for repack in plan.repacked:
        what = f"pack {repack.id.hex()[:12]}"
        yield _line("repack", what, repack.size, f"{repack.why}; writes ≈ {format_bytes(repack.live_bytes)}")
    yield from _packs("mark", plan.marked)
    yield from _packs("unmark", plan.unmarked)
    leftovers = (*plan.temporary_files, *plan.notes)
    if leftovers:
        size = sum(item.size for item in leftovers)
        yield _line("delete", _counted(len(leftovers), "file"), size, "left over by interrupted backups")
    if plan.compacts_index:
        yield (Span(f"  rewrite {plan.index_fragments} index files as fewer"),)


def _later(plan: PrunePlan) -> Iterator[Line]:
    if not plan.freed_later_bytes:
        return
    grace = format_duration(plan.grace.total_seconds())
    yield (Span(f"Later, {grace} after each was marked or forgotten: {format_bytes(plan.freed_later_bytes)}", "title"),)
    for item in plan.waiting_sets:
        undo = f"can be brought back until {item.until:%Y-%m-%d %H:%M} UTC"
        yield _line("wait", f"backup {item.name}", item.size, undo)
    yield from _packs("wait", plan.waiting_packs)
    sizes = [item.size for item in plan.marked] + ([] if plan.hasty else [item.size for item in plan.repacked])
    if sizes:
        yield _line("then", _counted(len(sizes), "pack"), sum(sizes), "marked by this prune, unless needed again")


def _packs(verb: str, steps: Iterable[PackStep]) -> Iterator[Line]:
    for why, group in groupby(sorted(steps, key=lambda step: (step.why, step.id)), key=lambda step: step.why):
        found = tuple(group)
        yield _line(verb, _counted(len(found), "pack"), sum(step.size for step in found), why)


def _line(verb: str, what: str, size: int, why: str) -> Line:
    return (Span(f"  {verb} {escape(what)}, {format_bytes(size)}: {escape(why)}"),)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _objections(heading: str, objections: Iterable[Objection], role: str) -> Iterator[Line]:
    found = tuple(objections)
    if not found:
        return
    yield (Span(heading, role),)
    for item in found:
        yield (Span(f"  {escape(item.what)}"),)
        yield (Span(f"    Why:  {escape(item.why)}"),)
        yield (Span(f"    Next: {escape(item.next_step)}"),)
