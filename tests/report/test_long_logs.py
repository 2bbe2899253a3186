"""The quick look at a line of the audit log says what the thorough one says, also of events that look like hashes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quri_console.effects.audit_check import _Reader, verify_log
from quri_console.effects.audit_log import AuditLog
from quri_console.effects.canonical_json import Plain

ZEROS = "0" * 64
TRICKY: tuple[dict[str, Plain], ...] = (
    {"action": "ended", "parameters": {"a": 1, "hash": ZEROS, "prev_hash": ZEROS, "seq": 2}, "ts": "2025"},
    {"action": f'x,"hash":"{ZEROS}"', "target": f',"prev_hash":"{ZEROS}","seq":1,"target":"', "ts": "2025"},
    {"action": "ended", "result": 'it said "torn_bytes"', "target": "registry", "ts": "2025"},
    {"action": "ended", "ts": "2025"},
    {"zone": "after all others"},
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    log = AuditLog(tmp_path / "audit")
    for fields in TRICKY * 3:
        log.append(fields)
    return log.folder


def test_events_that_hold_hashes_of_their_own_are_whole(folder: Path) -> None:
    check = verify_log(folder)
    assert (check.fault, check.events) == (None, 3 * len(TRICKY))


def test_it_says_the_same_as_the_thorough_look(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = verify_log(folder)
    monkeypatch.setattr(_Reader, "_plainly_next", lambda _reader, _data: False)
    assert verify_log(folder) == quick


@pytest.mark.parametrize("number", range(len(TRICKY)))
def test_a_change_of_any_field_is_found_in_its_line(folder: Path, number: int) -> None:
    path = folder / "000001.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    fields = json.loads(lines[number])
    for name in fields:
        changed = {**fields, name: fields[name] + 1 if name == "seq" else f"0{str(fields[name])[1:]}x"}
        text = json.dumps(changed, sort_keys=True, separators=(",", ":")).encode() + b"\n"
        path.write_bytes(b"".join([*lines[:number], text, *lines[number + 1 :]]))
        fault = verify_log(folder).fault
        assert fault is not None
        assert fault.line in (number + 1, number + 2)
