"""What the palette offers: actions of a view, and canisters to go to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quri_console.monitor.fleet import FleetStatus
from quri_console.render.actions import Action, ActionContext, actions_of, key_label
from quri_console.render.escape import escape
from quri_console.render.runbook_list import ListedPage, page_title


@dataclass(frozen=True, slots=True)
class PaletteEntry:
    """One line of the palette: an action of the registry, a canister, or a page of the runbook."""

    key: str
    text: str
    label: str = ""
    help: str = ""
    action: str = ""
    canister_id: str | None = None
    page: str = ""
    """Of the runbook."""
    why_not: str = ""


def palette_entries(
    view: str,
    fleet: FleetStatus | None,
    context: ActionContext | None = None,
    pages: Iterable[ListedPage] = (),
) -> tuple[PaletteEntry, ...]:
    """Everything that can be reached from a view; what cannot be done now says why."""
    context = context or ActionContext()
    actions = [_of_action(entry, context) for entry in actions_of(view) if entry.name != "palette"]
    canisters = [
        PaletteEntry(f"canister {item.canister_id}", f"Go to {escape(item.name)}", "", item.canister_id,
                     canister_id=item.canister_id)
        for item in (fleet.canisters if fleet is not None else ())
    ]  # fmt: skip
    runbook = [
        PaletteEntry(f"page {page.name}", f"Runbook: {page.name}", "", page_title(page), page=page.name)
        for page in pages
    ]
    return (*actions, *canisters, *runbook)


def _of_action(entry: Action, context: ActionContext) -> PaletteEntry:
    why_not = entry.disabled(context) or ""
    explained = f"not now: {why_not}" if why_not else entry.help
    return PaletteEntry(entry.name, entry.verb, key_label(entry.key), explained, entry.name, why_not=why_not)


def found_entries(entries: Sequence[PaletteEntry], wanted: str) -> tuple[PaletteEntry, ...]:
    """The entries with all letters of `wanted` in this order; what begins so first, then what contains it."""
    wanted = wanted.casefold().strip()
    ranked = [(rank, entry) for entry in entries if (rank := _rank(entry, wanted)) is not None]
    return tuple(entry for _, entry in sorted(ranked, key=lambda item: item[0]))


def _rank(entry: PaletteEntry, wanted: str) -> int | None:
    text = entry.text.casefold()
    words = text.removeprefix("go to ").removeprefix("runbook: ")
    if not wanted or text.startswith(wanted) or words.startswith(wanted):
        return 0
    if wanted in text:
        return 1
    if wanted in entry.help.casefold():
        return 2
    letters = iter(text)
    return 3 if all(letter in letters for letter in wanted) else None
