"""The canisters that the old scripts name: ids wherever they stand, by the names that stand beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from quri_console.config.model import Criticality
from quri_console.config.principal_text import principal_fault
from quri_console.service.first_run import usable_name
from quri_console.service.old_scripts.files import ScriptFile
from quri_console.service.old_scripts.notes import Notes, Place

_ID = re.compile(r"(?:(?<![\w-])|(?<=:-))[a-z0-9]{5}(?:-[a-z0-9]{5}){3}-[a-z0-9]{3}(?![\w-])")
_BEFORE = re.compile(r"""([A-Za-z][\w.-]*)["'\]\s]*(?:[:=|,]|\s=>)\s*["']?(?:\$\{\w+:?-)?["']?$""")
_BRANCH = re.compile(r"""^\s*["']?([A-Za-z][\w.-]*)["']?\s*\)""")
_AROUND = re.compile(r"(?i)^CANISTER_ID_|_(?:CANISTER_ID|CANISTER|ID|PRINCIPAL)$|^CANISTER_")
LONGEST_NAME = 200
"""What stands further before an id does not name it; a line may be as long as a file."""
CRITICALITY: Mapping[str, Criticality] = {
    "rune-engine": "high",
    "registry": "high",
    "bitcoin-integration": "medium",
    "identity-manager": "medium",
}
"""As the team's own page of backup and recovery rates them; of others nobody has said."""


@dataclass(slots=True)
class Fleet:
    """Canisters by name, and where each stands first."""

    ids: dict[str, str] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)

    def criticality(self, name: str) -> Criticality:
        """What is proposed for a canister."""
        return CRITICALITY.get(name, "medium")

    def levels(self) -> tuple[Criticality, ...]:
        """The criticalities that there are, the highest first."""
        found = {self.criticality(name) for name in self.ids}
        levels: tuple[Criticality, ...] = ("high", "medium", "low")
        return tuple(level for level in levels if level in found)


def fleet_of(files: tuple[ScriptFile, ...], network: str, notes: Notes) -> Fleet:
    """All canisters of a network."""
    fleet = Fleet()
    for file in files:
        entries = _of_document(file, network, notes) if file.kind == "ids" else _of_lines(file)
        for name, canister_id, place in entries:
            _add(fleet, name, canister_id, place, notes)
    for name, place in fleet.places.items():
        if name not in CRITICALITY:
            text = f"{name} is proposed as of medium criticality: backed up weekly; set high for daily"
            notes.add("decision", text, place, setting="canisters")
    if not fleet.ids:
        notes.add("decision", "no canister id was found: add a [canisters.NAME] table for each", setting="canisters")
    return fleet


def _of_lines(file: ScriptFile) -> Iterator[tuple[str, str, Place]]:
    branch = ""
    for number, line in enumerate(file.lines, 1):
        if line.lstrip().startswith("#"):
            continue
        started = _BRANCH.match(line)
        branch = started[1] if started else branch
        for found in _ID.finditer(line):
            before = _BEFORE.search(line[max(0, found.start() - LONGEST_NAME) : found.start()])
            name = _named(before[1]) if before else ""
            yield name or _named(branch), found[0], file.place(number)
        if ";;" in line:
            branch = ""


def _named(name: str) -> str:
    """A canister's name of what stands before its id: RUNE_ENGINE_CANISTER_ID is rune-engine."""
    if name.isupper() or "_" in name:
        stripped = _AROUND.sub("", _AROUND.sub("", name))
        name = stripped.casefold().replace("_", "-")
    return "" if name.casefold() in ("canister", "id", "canister-id", "canisters") else usable_name(name)


def _of_document(file: ScriptFile, network: str, notes: Notes) -> Iterator[tuple[str, str, Place]]:
    try:
        document = json.loads(file.text())
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        notes.add("not understood", "it is no JSON object of canisters", file.place(0))
        return
    for name, ids in document.items():
        found = ids.get(network) if isinstance(ids, dict) else None
        line = next((at for at, text in enumerate(file.lines, 1) if f'"{name}"' in text), 0)
        if isinstance(found, str):
            yield usable_name(name), found, file.place(line)
        else:
            notes.add("not needed", f"{usable_name(name)} has no id on {network} here", file.place(line))


def _add(fleet: Fleet, name: str, canister_id: str, place: Place, notes: Notes) -> None:
    fault = principal_fault(canister_id)
    if fault is not None:
        notes.add("not understood", f"what looks like a canister id is none: {fault}", place)
        return
    known = next((old for old, old_id in fleet.ids.items() if old_id == canister_id), None)
    if known is not None:
        if name and name != known:
            notes.add("difference", f"{known} is called {name} here; the first name is kept", place)
        return
    if name in fleet.ids:
        notes.add("decision", f"{name} has another id at {fleet.places[name]}; both are proposed", place)
    wanted = name or "canister"
    free = next(item for number in range(1, 10_000) if (item := _numbered(wanted, number)) not in fleet.ids)
    if not name:
        notes.add("decision", f"a canister without a name is called {free}", place, setting="canisters")
    fleet.ids[free], fleet.places[free] = canister_id, place


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"
