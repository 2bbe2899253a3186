"""One canister of a legacy backup, put together from the up to four text files that the scripts wrote for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from quri_console.backup.legacy_status import LegacyStatus, UnreadableLegacy, parse_status
from quri_console.backup.legacy_texts import candid_start, metrics_id
from quri_console.errors import CorruptionError
from quri_console.ic.encoding.principal import Principal
from quri_console.repository.files import open_regular, read_small, storage_errors
from quri_console.repository.untrusted_archive import TreeFile

TEXT_LIMIT_BYTES = 1 << 20
"""The most that a status, info or metrics file may have, and an export whose text is held in memory."""
_HEAD_BYTES = 64 << 10
_TAIL_BYTES = 1024
_ERROR_CHARACTERS = 4096


@dataclass(frozen=True, slots=True)
class LegacyCanister:
    """What one run of the scripts left of a canister; None is what it did not record.

    `error` is what stood in place of a status, `export_error` in place of an export. `export_text` is the Candid
    text where it has at most 1 MiB; a larger one is only in `export_file`, which is None unless there is an export.
    All texts are untrusted.
    """

    name: str
    canister_id: Principal | None
    status: LegacyStatus | None
    error: str | None
    controllers: tuple[Principal, ...]
    module_hash: bytes | None
    export_text: str | None
    export_error: str | None
    export_file: TreeFile | None
    files: tuple[TreeFile, ...]


@dataclass(frozen=True, slots=True)
class _Export:
    text: str | None = None
    error: str | None = None
    file: TreeFile | None = None
    note: str | None = None


def read_canister(
    folder: Path, name: str, listed_id: Principal | None, files: Mapping[str, TreeFile]
) -> tuple[LegacyCanister, tuple[str, ...]]:
    """The canister `name` from its files by kind, and notes on what is missing or does not fit together.

    `listed_id` is what the manifest says. Raises StorageFailed when a file cannot be read.
    """
    notes: list[str] = []
    missing = [kind for kind in ("status", "info", "metrics", "export") if kind not in files]
    if missing:
        notes.append(f"{name}: no {', no '.join(missing)} file.")
    status, error = _status(folder, files.get("status"))
    info = _lines(folder, files.get("info"), notes)
    metrics = _lines(folder, files.get("metrics"), notes)
    if status is None and metrics is not None and metrics.tells_something:
        status = metrics
        notes.append(f"{name}: its status is read from its metrics file, which holds a part of it.")
    if status is not None:
        notes.extend(f"{name}: the value of `{label}` was not understood." for label in status.unreadable)
    export = _export(folder, name, files.get("export"))
    if export.note is not None:
        notes.append(export.note)
    canister = LegacyCanister(
        name=name,
        canister_id=_id(folder, name, listed_id, files.get("metrics"), notes),
        status=status,
        error=error,
        controllers=_controllers(name, status, info, notes),
        module_hash=_module_hash(name, status, info, notes),
        export_text=export.text,
        export_error=export.error,
        export_file=export.file,
        files=tuple(sorted(files.values(), key=lambda file: file.path)),
    )
    return canister, tuple(notes)


def _status(folder: Path, file: TreeFile | None) -> tuple[LegacyStatus | None, str | None]:
    """The status, or the text that stood in its place."""
    if file is None:
        return None, None
    try:
        text = _text(folder, file)
        status = parse_status(text, str(file.path))
    except CorruptionError as error:
        return None, f"{error.what}: {error.why}"
    if status.tells_something:
        return status, None
    return None, text.strip()[:_ERROR_CHARACTERS] or "The file is empty."


def _lines(folder: Path, file: TreeFile | None, notes: list[str]) -> LegacyStatus | None:
    """The lines with known labels in an info or metrics file."""
    if file is None:
        return None
    try:
        return parse_status(_text(folder, file), str(file.path))
    except CorruptionError as error:
        notes.append(f"{error.what}: {error.why}")
        return None


def _text(folder: Path, file: TreeFile) -> str:
    if file.size_bytes > TEXT_LIMIT_BYTES:
        why = f"{file.size_bytes} bytes, at most {TEXT_LIMIT_BYTES} are expected."
        raise UnreadableLegacy(f"{file.path} is too large", why=why)
    return read_small(folder / file.path, TEXT_LIMIT_BYTES).decode(errors="replace")


def _id(
    folder: Path, name: str, listed: Principal | None, metrics: TreeFile | None, notes: list[str]
) -> Principal | None:
    """The id on which manifest and metrics agree, or that only one of them states."""
    try:
        measured = None if metrics is None else metrics_id(_text(folder, metrics))
    except UnreadableLegacy:
        return listed
    if listed is not None and measured is not None and listed != measured:
        both = f"the manifest calls it {listed.to_str()} and its metrics {measured.to_str()}"
        notes.append(f"{name}: {both}, so its id is unknown.")
        return None
    return measured if listed is None else listed


def _controllers(
    name: str, status: LegacyStatus | None, info: LegacyStatus | None, notes: list[str]
) -> tuple[Principal, ...]:
    first = None if status is None else status.controllers
    second = None if info is None else info.controllers
    if first is not None and second is not None and set(first) != set(second):
        notes.append(f"{name}: its status and its info file name different controllers; those of the status are used.")
    return first or second or ()


def _module_hash(name: str, status: LegacyStatus | None, info: LegacyStatus | None, notes: list[str]) -> bytes | None:
    told = [one for one in (status, info) if one is not None and one.installed is not None]
    if len({one.module_hash for one in told}) > 1:
        notes.append(f"{name}: its status and its info file name different modules; that of the status is used.")
    return told[0].module_hash if told else None


def _export(folder: Path, name: str, file: TreeFile | None) -> _Export:
    if file is None:
        return _Export()
    if file.size_bytes == 0:
        return _Export(note=f"{name}: its export file is empty.")
    whole = file.size_bytes <= TEXT_LIMIT_BYTES
    head = _range(folder, file, 0, TEXT_LIMIT_BYTES if whole else _HEAD_BYTES)
    text = head.decode(errors="replace")
    start = candid_start(text)
    if start is None:
        return _Export(error=text.strip()[:_ERROR_CHARACTERS])
    tail = _range(folder, file, max(0, file.size_bytes - _TAIL_BYTES), _TAIL_BYTES)
    cut_off = not tail.rstrip().endswith(b")")
    note = f"{name}: its export does not end with a parenthesis, so it may be cut off." if cut_off else None
    return _Export(text=text[start:] if whole else None, file=file, note=note)


def _range(folder: Path, file: TreeFile, offset: int, size: int) -> bytes:
    path = folder / file.path
    descriptor = open_regular(path)
    try:
        with storage_errors(f"read {path.name}", path):
            return os.pread(descriptor, size, offset)
    finally:
        os.close(descriptor)
