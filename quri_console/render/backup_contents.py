"""What one backup holds, as lines; `backup_contents_json` has the same for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import TYPE_CHECKING

from quri_console.render.escape import escape
from quri_console.render.setting_words import is_default_setting, setting_words
from quri_console.render.spans import Line, Span, plain
from quri_console.render.zone import datetime_text
from quri_console.units import format_bytes, format_cycles

if TYPE_CHECKING:
    from datetime import datetime

    from quri_console.backup.closer_look import BackupLook, CanisterLook
    from quri_console.backup.extras_record import ExtrasFound
    from quri_console.backup.manifest import GroupWindow, Manifest, ManifestCanister
    from quri_console.ic.management.types import CanisterSettings, CanisterStatus, SnapshotMetadata
    from quri_console.repository.marks import Standing

_LABELLED = "  "
_LABEL_WIDTH = 25
_MODE_WORDS = {
    "stop": "stopped while the snapshot was taken",
    "hot": "not stopped: calls may have been open",
    "reuse": "from a snapshot that was there",
    "metadata": "without state: what could be seen",
    "imported": "imported from a snapshot directory",
    "legacy": "imported from the old scripts: without state",
}


def backup_lines(look: BackupLook, *, every: bool = False) -> Iterator[Line]:
    """The set, its groups and marks, every canister, and who is missing.

    Settings that have the network's default values are only named as such, unless `every` is true.
    """
    manifest = look.backup.manifest
    yield (Span(f"{manifest.name}  {state_word(manifest)}", "heading"),)
    yield _line("taken", datetime_text(manifest.taken_at))
    yield _line("network", f"{manifest.network.name} (root key SHA-256 {manifest.network.root_key_hash.hex()[:16]}…)")
    yield _line("written by", manifest.tool)
    if manifest.operation:
        yield _line("operation", manifest.operation)
    encrypted = ", encrypted" if look.backup.repository.encrypted else ""
    yield _line("repository", f"{look.backup.repository.backend.location}{encrypted}")
    for group in manifest.groups:
        yield _line(f"group {group.name}", _window(group))
    for label, text in _marks(look.standing, look.forgotten_at):
        yield _line(label, text)
    for canister in look.canisters:
        yield from _canister_lines(canister, every=every)
    for failure in manifest.failures:
        yield ()
        yield (Span(f"{escape(failure.name)}  {failure.canister.to_str()}  missing", "status-critical"),)
        yield _line("why", failure.reason)
        if failure.next_step:
            yield _line("next", failure.next_step)


def fitted(lines: Iterable[Line], width: int) -> Iterator[Line]:
    """The lines broken to at most `width` characters; what is to be copied whole, as an id, is not broken if it can be.

    What is broken stands below its value, further to the left where that is the only way to keep a word in one piece.
    """
    for line in lines:
        if len(plain(line)) <= width:
            yield line
            continue
        text = plain(line)
        hanging = len(_LABELLED) + _LABEL_WIDTH if text.startswith(_LABELLED) else len(_LABELLED)
        if max(map(len, text.split())) > width - hanging:
            hanging = 2 * len(_LABELLED)
        role = line[0].role
        for part in textwrap.wrap(text, width, subsequent_indent=" " * hanging, break_on_hyphens=False):
            yield (Span(part, role),)


def state_word(manifest: Manifest) -> str:
    """`whole`, `partial` or `not consistent`, as far as the manifest tells."""
    if manifest.partial:
        return "partial"
    return "whole" if all(group.consistent for group in manifest.groups) else "not consistent"


def _window(group: GroupWindow) -> str:
    if not group.consistent:
        return f"not consistent: {group.reason}"
    if group.stopped_at is None or group.started_at is None:
        return "one cut"
    seconds = (group.started_at - group.stopped_at).total_seconds()
    return f"one cut: all stood still from {datetime_text(group.stopped_at)} on for {seconds:.1f} s"


def _marks(stands: Standing, forgotten_at: datetime | None) -> Iterator[tuple[str, str]]:
    if stands.verified_at is not None:
        yield "verified", datetime_text(stands.verified_at)
    if stands.damaged_at is not None:
        yield "found damaged", f"{datetime_text(stands.damaged_at)}; `quri-console verify` names the places"
    if stands.rehearsed_at is not None:
        verdict = "" if stands.rehearsal is None else f": {stands.rehearsal}"
        yield "rehearsed", f"{datetime_text(stands.rehearsed_at)}{verdict}"
        for one in stands.rehearsed:
            yield f"rehearsed {one.name}", f"{one.verdict}: {one.reason}" if one.reason else one.verdict
    if stands.pinned:
        until = "for good" if stands.pinned_until is None else f"until {datetime_text(stands.pinned_until)}"
        yield "pinned", f"{until}: {stands.pin_reason}" if stands.pin_reason else until
    if stands.held:
        yield "held", stands.hold_reason or "no reason was given"
    if forgotten_at is not None:
        yield "forgotten", f"{datetime_text(forgotten_at)}; `prune` deletes it in the end"


def _canister_lines(look: CanisterLook, *, every: bool) -> Iterator[Line]:
    entry, stored = look.entry, look.stored
    yield ()
    yield (Span(f"{escape(entry.name)}  {entry.canister.to_str()}", "heading"),)
    facts = list(_entry(entry))
    if stored is not None:
        facts += _state(stored.state.metadata) if stored.state is not None else ()
        facts += _status(stored.status, every=every) if stored.status is not None else ()
    facts += _extras(look.extras) if look.extras is not None else ()
    for label, text in facts:
        yield _line(label, text)
    for warning in entry.warnings:
        yield _line("warning", warning, "status-warning")
    if look.problem is not None:
        yield _line("not readable", str(look.problem), "status-critical")


def _entry(entry: ManifestCanister) -> Iterator[tuple[str, str]]:
    yield "taken", f"{datetime_text(entry.taken_at)}, {_MODE_WORDS[entry.mode]}"
    if entry.group:
        yield "group", entry.group
    if entry.subnet is not None:
        yield "subnet", entry.subnet.to_str()
    yield "module", f"SHA-256 {entry.module_hash.hex()}" if entry.module_hash else "none, or not known"
    if entry.has_state:
        yield "state", f"{format_bytes(entry.state_bytes)}, of them {format_bytes(entry.new_bytes)} new"
    if entry.cycles_before:
        bill = entry.cycles_before - entry.cycles_after
        yield "measured bill", f"{format_cycles(bill)} cycles ({bill:,})"


def _state(metadata: SnapshotMetadata) -> Iterator[tuple[str, str]]:
    yield "module size", format_bytes(metadata.wasm_module_size)
    yield "heap", format_bytes(metadata.wasm_memory_size)
    yield "stable memory", format_bytes(metadata.stable_memory_size)
    chunks = len(metadata.wasm_chunk_store)
    yield "chunk store", f"{chunks} chunk{'' if chunks == 1 else 's'}"
    yield "globals", str(len(metadata.globals))


def _status(status: CanisterStatus, *, every: bool) -> Iterator[tuple[str, str]]:
    yield "status then", f"{status.status}, {format_cycles(status.cycles)} cycles"
    yield "controllers", ", ".join(one.to_str() for one in status.settings.controllers) or "none"
    yield from _settings(status.settings, every=every)


def _settings(settings: CanisterSettings, *, every: bool) -> Iterator[tuple[str, str]]:
    usual = False
    for field in fields(settings):
        value = getattr(settings, field.name)
        if value is None or field.name == "controllers":
            continue
        if not every and is_default_setting(field.name, value):
            usual = True
        else:
            yield field.name.replace("_", " "), setting_words(field.name, value)
    if usual:
        yield "other settings", "the network's defaults (--all shows them)"


def _extras(extras: ExtrasFound) -> Iterator[tuple[str, str]]:
    for name, words in extras.present.items():
        yield name, words
    for name, reason in extras.absent.items():
        yield name, f"none: {reason}"
    for name, reason in extras.failed.items():
        yield name, f"failed: {reason}"


def _line(label: str, text: str, role: str = "") -> Line:
    return (Span(f"{_LABELLED}{escape(label):<{_LABEL_WIDTH - 1}} {escape(text)}", role),)
