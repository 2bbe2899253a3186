"""How long one canister's cycles last, in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.render.ages import age_seconds
from quri_console.render.cycles_ahead import FAR, FAR_SECONDS, freeze_text
from quri_console.render.table import cycles_text
from quri_console.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quri_console.monitor.burn_report import CanisterBurn
    from quri_console.monitor.fleet import CanisterView


def runway_sentence(view: CanisterView, burn: CanisterBurn | None, now_ns: int) -> str:
    """`492 B cycles, burning ≈ 12 B/day, frozen in ≈ 14 d, Dec 7 ± 2 d`; says what is not known, and what is old."""
    if view.cycles is None:
        return "cycles not known: no sample yet" if view.sampled_at_ns is None else "cycles not known: not shown to us"
    parts = [f"{cycles_text(view.cycles)} cycles", *_burning(view)]
    left = view.runway_seconds
    if left is not None and left <= 0:
        parts.append("FROZEN NOW")
    elif left is not None and left > FAR_SECONDS:
        parts.append(f"freezing {FAR}")
    elif left is not None:
        parts += [f"frozen in ≈ {format_duration(left)}", freeze_text(left, burn, now_ns)]
    if view.stale and view.sampled_at_ns is not None:
        parts.append(f"STALE, {format_duration(age_seconds(view.sampled_at_ns, now_ns))} old")
    return ", ".join(parts)


def _burning(view: CanisterView) -> Iterator[str]:
    if view.burn_per_day is not None:
        idle = " when idle (nothing observed yet)" if view.burn_is_idle_only else ""
        yield f"burning ≈ {cycles_text(round(view.burn_per_day))}/day{idle}"
