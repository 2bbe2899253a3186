"""A journal in plain words: what was asked of whom, and what came of it. The raw lines stay in `--json`.

Nothing here is escaped: whoever shows a sentence does that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from quri_console.units import format_bytes, format_cycles, format_duration

if TYPE_CHECKING:
    from quri_console.effects.journal import Record

Told = tuple[int, str, str]
"""When, in nanoseconds since 1970; a sentence; and the role that it is drawn in."""
_Fields = Mapping[str, object]
PIECES = frozenset({"upload slice", "upload chunk", "store chunk"})
"""Effects of which there are thousands: what comes in a row is told in one sentence."""
_BAD, _DOUBTFUL = "status-critical", "status-warning"


def told_journal(records: Sequence[Record], names: Mapping[str, str] | None = None) -> Iterator[Told]:
    """Every record in words, pieces of data by the row; `names` of canisters by their ids."""
    intents = {record.sequence: record for record in records if record.event == "intent"}
    begun = next((record.sequence for record in records if record.event == "admitted"), None)
    teller = _Teller(names or {}, intents, begun)
    for many, group in groupby(records, teller.is_about_pieces):
        row = list(group)
        yield from teller.pieces(row) if many else map(teller.told, row)


@dataclass(frozen=True, slots=True)
class _Teller:
    names: Mapping[str, str]
    intents: Mapping[int, Record]
    begun: int | None

    def is_about_pieces(self, record: Record) -> bool:
        intent = self._intent_of(record)
        good = record.event == "intent" or record.fields.get("outcome") == "done"
        return intent is not None and good and intent.fields.get("effect") in PIECES

    def pieces(self, row: Sequence[Record]) -> Iterator[Told]:
        sent = [record.fields for record in row if record.event == "intent"]
        done = sum(record.event == "outcome" for record in row)
        last = self._intent_of(row[-1])
        whose = self.canister(last.fields) if last is not None else ""
        size = sum(_number(fields, "size") for fields in sent)
        many = f"{len(sent)} pieces of data" if len(sent) != 1 else "1 piece of data"
        yield row[-1].at_ns, f"sends {whose} {many}, {format_bytes(size)}: {done} arrived", ""

    def told(self, record: Record) -> Told:
        if record.event == "intent":
            return record.at_ns, self._words(record, 0), "muted"
        if record.event == "outcome":
            return record.at_ns, *self._outcome(record)
        tell = _EVENTS.get(record.event)
        if tell is None:
            # of a newer version, perhaps: better as it is than not at all
            rest = (f"{name} {value}" for name, value in record.fields.items() if value)
            return record.at_ns, ", ".join((record.event, *rest)), ""
        sentence, role = tell
        return record.at_ns, sentence(self, record), role

    def _intent_of(self, record: Record) -> Record | None:
        number = record.sequence if record.event == "intent" else record.fields.get("intent")
        return self.intents.get(number) if record.event in ("intent", "outcome") and isinstance(number, int) else None

    def _words(self, intent: Record, which: int, result: _Fields | None = None) -> str:
        """What an effect asks for (0), or what there is once it is done (1)."""
        effect = str(intent.fields.get("effect", "?"))
        about = {**intent.fields, **(result or {})}
        forms = _EFFECTS.get(effect)
        if forms is None:
            return f"{effect} {self.canister(about)}" + (": done" if which else "")
        return forms[which](self.canister(about), about)

    def _outcome(self, record: Record) -> tuple[str, str]:
        fields, intent = record.fields, self._intent_of(record)
        outcome = str(fields.get("outcome", "?"))
        if intent is None:
            return f"{outcome}, of something that the journal does not have", _DOUBTFUL
        by = f" (decided by: {fields['decided_by']})" if fields.get("decided_by") else ""
        if outcome == "done":
            return self._words(intent, 1, fields) + by, ""
        asked = self._words(intent, 0)
        if outcome == "rejected":
            code = f" ({fields['code']})" if fields.get("code") else ""
            return f"REFUSED: {asked}: {fields.get('message') or 'no reason given'}{code}{by}", _BAD
        if outcome == "not executed":
            return f"not executed: {asked}{by}", _DOUBTFUL
        return f"NOT KNOWN whether it was executed: {asked}{by}", _DOUBTFUL

    def canister(self, fields: _Fields) -> str:
        """The canister that a record is about, by its name where that is known."""
        identifier = str(fields.get("canister", "?"))
        return self.names.get(identifier, identifier)


def _number(fields: _Fields, name: str) -> int:
    value = fields.get(name)
    return int(value) if isinstance(value, int | float) else 0


def _snapshot(fields: _Fields) -> str:
    return f"snapshot {fields.get('snapshot_id') or 'of an unknown id'}"


def _snapshot_asked(name: str, fields: _Fields) -> str:
    why = ", to look into it" if fields.get("purpose") == "check" else ""
    instead = f", in place of {fields['replaced']}" if fields.get("replaced") else ""
    return f"takes a snapshot of {name}{why}{instead}"


def _listed(value: object) -> str:
    return ", ".join(str(item).replace("_", " ") for item in value) if isinstance(value, list) else ""


_Form = Callable[[str, _Fields], str]
_EFFECTS: Mapping[str, tuple[_Form, _Form]] = {
    "start": (lambda name, f: f"starts {name}", lambda name, f: f"{name} is started"),
    "stop": (
        lambda name, f: f"stops {name}, within {format_duration(_number(f, 'timeout_seconds'))}",
        lambda name, f: f"{name} is stopped",
    ),
    "take snapshot": (_snapshot_asked, lambda name, f: f"{_snapshot(f)} of {name} is taken"),
    "load snapshot": (
        lambda name, f: f"loads {_snapshot(f)} into {name}",
        lambda name, f: f"{name} has the state of {_snapshot(f)}",
    ),
    "delete snapshot": (
        lambda name, f: f"deletes {_snapshot(f)} of {name}",
        lambda name, f: f"{_snapshot(f)} of {name} is deleted",
    ),
    "upload metadata": (
        lambda name, f: f"makes an empty snapshot of {name}, to upload into",
        lambda name, f: f"{_snapshot(f)} of {name} is there, still empty",
    ),
    "upload slice": (
        lambda name, f: f"uploads {format_bytes(_number(f, 'size'))} into {_snapshot(f)} of {name}",
        lambda name, f: f"{format_bytes(_number(f, 'size'))} are in {_snapshot(f)} of {name}",
    ),
    "upload chunk": (
        lambda name, f: f"uploads a chunk of {format_bytes(_number(f, 'size'))} into {_snapshot(f)} of {name}",
        lambda name, f: f"a chunk of {format_bytes(_number(f, 'size'))} is in {_snapshot(f)} of {name}",
    ),
    "update settings": (
        lambda name, f: f"changes settings of {name}: {_listed(f.get('settings'))}".removesuffix(": "),
        lambda name, f: f"settings of {name} are changed",
    ),
    "upgrade": (lambda name, f: f"upgrades {name}", lambda name, f: f"{name} has the other module"),
    "upgrade from chunks": (
        lambda name, f: f"upgrades {name} by what was sent in pieces",
        lambda name, f: f"{name} has the other module",
    ),
    "store chunk": (
        lambda name, f: f"sends {name} {format_bytes(_number(f, 'size'))} of a module",
        lambda name, f: f"{name} has {format_bytes(_number(f, 'size'))} of a module",
    ),
    "clear chunk store": (
        lambda name, f: f"empties the chunk store of {name}",
        lambda name, f: f"the chunk store of {name} is empty",
    ),
    "top up": (
        lambda name, f: f"sends {format_cycles(_number(f, 'cycles'))} cycles to {name}",
        lambda name, f: f"{format_cycles(_number(f, 'cycles'))} cycles were sent to {name}",
    ),
    "create canister": (
        lambda name, f: f"makes a canister with {format_cycles(_number(f, 'cycles'))} cycles",
        lambda name, f: f"canister {name} is there",
    ),
}
"""For each effect what is asked for, and what there is when it is done."""


def _admitted(teller: _Teller, record: Record) -> str:
    fields = record.fields
    plan = f", by plan {str(fields['plan_hash'])[:16]}" if fields.get("plan_hash") else ""
    why = f", because: {fields['reason']}" if fields.get("reason") else ""
    principal = f" as {_short_principal(str(fields['principal']))}" if fields.get("principal") else ""
    begins = "begins" if record.sequence == teller.begun else "is gone on with"
    return f"{fields.get('kind', '?')} on {fields.get('network', '?')} {begins}{principal}{plan}{why}"


def _short_principal(text: str) -> str:
    """Its beginning and its end, as people know their own; `--json` has all of it."""
    first, *middle, last = text.split("-") if "-" in text else (text, text)
    return f"{first}-…-{last}" if len(middle) > 2 else text


def _first_look(teller: _Teller, record: Record) -> str:
    fields = record.fields
    found = fields.get("snapshots")
    count = len(found) if isinstance(found, list) else 0
    held = "no snapshot" if not count else "1 snapshot" if count == 1 else f"{count} snapshots"
    return f"{teller.canister(fields)} has {held} on chain"


def _way_back(teller: _Teller, record: Record) -> str:
    fields = record.fields
    why = f": {fields['why']}" if fields.get("why") else ""
    return f"goes back to the state before, because {fields.get('what', '?')}{why}"


def _left_on_chain(teller: _Teller, record: Record) -> str:
    of = f"{_snapshot(record.fields)} of {teller.canister(record.fields)}"
    return f"{of} STAYS ON CHAIN and costs cycles: {record.fields.get('why', '?')}"


def _resolved(teller: _Teller, record: Record) -> str:
    fields = record.fields
    stopped = ", and left stopped what is stopped" if fields.get("left_stopped") else ""
    why = f", because: {fields['reason']}" if fields.get("reason") else ""
    return f"{fields.get('by', '?')} marked it resolved{stopped}{why}"


_EVENTS: Mapping[str, tuple[Callable[[_Teller, Record], str], str]] = {
    "admitted": (_admitted, ""),
    "resolved": (_resolved, _DOUBTFUL),
    "first look": (_first_look, "muted"),
    "status before": (lambda t, r: f"{t.canister(r.fields)} was {r.fields.get('status', '?')} before", "muted"),
    "stopped on purpose": (lambda t, r: f"{t.canister(r.fields)} stays stopped, as was asked for", ""),
    "checked": (lambda t, r: f"{t.canister(r.fields)} was looked into: it is what was loaded", ""),
    "hook status refused": (
        lambda t, r: f"the network refuses the low-memory hook status of {t.canister(r.fields)}: sent as unknown",
        _DOUBTFUL,
    ),
    "way back": (_way_back, _DOUBTFUL),
    "went back": (lambda t, r: "everything has the state from before", ""),
    "left on chain": (_left_on_chain, _DOUBTFUL),
    "set reserved": (lambda t, r: f"backup {r.fields.get('set', '?')} is begun", ""),
    "not audited": (lambda t, r: f"NOT IN THE AUDIT LOG: {r.fields.get('why', '?')}", _BAD),
    "torn line removed": (
        lambda t, r: f"a torn last line of {_number(r.fields, 'bytes')} bytes was cut off: its writer had died",
        _DOUBTFUL,
    ),
}
"""For each event that is no effect its words and their role."""
