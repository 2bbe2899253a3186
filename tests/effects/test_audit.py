"""The audit log: nothing in it can be changed, put in or taken away without being found; a crash is no tampering."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.clock import ManualClock
from quri_console.effects.audit import Audit, Event
from quri_console.effects.audit_check import AuditCheck, verify_log
from quri_console.effects.audit_log import AUDIT_FOLDER, HEAD_NAME, AuditLog, Head, read_events, segments
from quri_console.effects.canonical_json import Plain
from quri_console.effects.durable import StateFolderUnusable
from quri_console.redaction import redacted
from tests.support.privileges import small_disk

EVENTS = 40


def _log(folder: Path, *, events: int = EVENTS, segment_bytes: int = 1_500) -> AuditLog:
    """A log of several segments."""
    log = AuditLog(folder, segment_bytes=segment_bytes)
    for number in range(events):
        log.append(_fields(number))
    return log


def _fields(number: int) -> dict[str, Plain]:
    return {"action": "effect intended", "target": f"canister {number}", "parameters": {"effect": "stop"}}


def _all_lines(folder: Path) -> list[tuple[Path, int]]:
    return [(path, number) for path in segments(folder) for number in range(len(path.read_bytes().splitlines()))]


def test_a_log_of_several_segments_is_whole_and_in_order(tmp_path: Path) -> None:
    _log(tmp_path)
    check = verify_log(tmp_path)
    assert check.whole
    assert (check.events, check.head.seq) == (EVENTS, EVENTS)
    assert check.segments > 2
    assert [event["seq"] for event in read_events(tmp_path)] == list(range(1, EVENTS + 1))
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def _flip(lines: list[bytes], at: int) -> None:
    line = bytearray(lines[at])
    line[random.Random(at).randrange(len(line))] ^= 1
    lines[at] = bytes(line)


def _delete(lines: list[bytes], at: int) -> None:
    del lines[at]


def _insert(lines: list[bytes], at: int) -> None:
    lines.insert(at, lines[at])


def _swap(lines: list[bytes], at: int) -> None:
    other = at + 1 if at + 1 < len(lines) else at - 1
    lines[at], lines[other] = lines[other], lines[at]


def _shorten(lines: list[bytes], at: int) -> None:
    lines[at] = lines[at][: len(lines[at]) // 2]


def _reword(lines: list[bytes], at: int) -> None:
    """A change that leaves a line of canonical JSON."""
    lines[at] = lines[at].replace(b"intended", b"pretended")


def _pad(lines: list[bytes], at: int) -> None:
    """A change of the text that leaves its meaning."""
    lines[at] = lines[at].replace(b":", b": ", 1)


@pytest.mark.parametrize("damage", [_flip, _delete, _insert, _swap, _shorten, _reword, _pad])
def test_damage_of_any_line_is_found_at_that_line(tmp_path: Path, damage: Callable[[list[bytes], int], None]) -> None:
    _log(tmp_path)
    for path, number in _all_lines(tmp_path):
        before = path.read_bytes()
        lines = before.splitlines()
        if damage is _swap and len(lines) == 1:
            continue
        damage(lines, number)
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        check = verify_log(tmp_path)
        assert check.fault is not None, (path.name, number)
        # a line that is put in, taken away or moved shows at the next place where the numbers do not go on
        expected = {_insert: number + 2, _swap: min(number, len(lines) - 2) + 1}.get(damage, number + 1)
        if damage is _delete and number == len(lines):
            following = segments(tmp_path).index(path) + 1
            assert check.fault.line == (1 if following < len(segments(tmp_path)) else number + 1)
        else:
            assert (check.fault.segment, check.fault.line) == (path.name, expected)
        path.write_bytes(before)
    assert verify_log(tmp_path).whole


def test_a_cut_off_end_is_found_by_the_kept_head_and_by_outcomes(tmp_path: Path) -> None:
    log = _log(tmp_path)
    whole = verify_log(tmp_path).head
    for keep in (EVENTS - 1, EVENTS // 2, 1, 0):
        copy = tmp_path / f"copy-{keep}"
        copy.mkdir()
        _copy_beginning(tmp_path, copy, keep)
        (copy / HEAD_NAME).write_bytes((tmp_path / HEAD_NAME).read_bytes())
        check = verify_log(copy)
        assert check.fault is not None
        assert f"ends at event {keep}" in check.fault.why
        # whoever takes the head away, too, is found by an outcome that knows it
        (copy / HEAD_NAME).unlink()
        assert verify_log(copy).whole
        assert verify_log(copy, {"20250124T020000Z-restore-1f3a": whole}).fault is not None
    assert log.append({"action": "after"}).seq == EVENTS + 1


def _copy_beginning(source: Path, target: Path, events: int) -> None:
    for path in segments(source):
        lines = path.read_bytes().splitlines(keepends=True)[:events]
        events -= len(lines)
        if lines:
            (target / path.name).write_bytes(b"".join(lines))


def test_events_after_a_cut_off_end_do_not_hide_it(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    for number in range(5):
        log.append(_fields(number))
    path = segments(tmp_path)[0]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
    for number in range(5):
        log.append(_fields(number))
    check = verify_log(tmp_path)
    assert check.fault is not None
    assert (check.fault.line, "cut off" in check.fault.why) == (4, True)


def test_a_missing_segment_is_named(tmp_path: Path) -> None:
    _log(tmp_path)
    segments(tmp_path)[1].unlink()
    fault = verify_log(tmp_path).fault
    assert fault is not None
    assert (fault.segment, fault.line) == ("000002.jsonl", 0)


def test_a_chain_made_anew_differs_from_what_an_outcome_knows(tmp_path: Path) -> None:
    _log(tmp_path / "true", events=3)
    known = verify_log(tmp_path / "true").head
    forged = AuditLog(tmp_path / "forged")
    for number in range(7, 12):
        forged.append(_fields(number))
    assert verify_log(tmp_path / "forged").whole
    check = verify_log(tmp_path / "forged", {"an outcome": known})
    assert check.fault is not None
    assert "event 3 is not the one that an outcome knows" in check.fault.why


def test_a_line_that_a_crash_left_unfinished_is_torn_and_not_tampered_with(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    for number in range(3):
        log.append(_fields(number))
    path = segments(tmp_path)[0]
    whole = path.read_bytes()
    next_line = whole.splitlines()[-1]
    for length in range(1, len(next_line), 37):
        path.write_bytes(whole + next_line[:length])
        check = verify_log(tmp_path)
        assert check.whole
        assert check.torn_bytes == length
    log.append({"action": "after the crash"})
    check = verify_log(tmp_path)
    assert (check.whole, check.events, check.torn_bytes, check.torn_before) == (True, 4, 0, 1)
    assert list(read_events(tmp_path))[-1]["torn_bytes"] == length


def test_cutting_into_the_last_line_is_no_torn_line(tmp_path: Path) -> None:
    _log(tmp_path, events=3)
    path = segments(tmp_path)[-1]
    path.write_bytes(path.read_bytes()[:-20])
    assert verify_log(tmp_path).fault is not None


def test_a_head_that_lags_behind_is_no_fault(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    log.append(_fields(0))
    kept = (tmp_path / HEAD_NAME).read_bytes()
    log.append(_fields(1))
    (tmp_path / HEAD_NAME).write_bytes(kept)
    assert verify_log(tmp_path).whole
    assert log.append(_fields(2)).seq == 3


_WRITER = """
import sys
from pathlib import Path
from quri_console.effects.audit_log import AuditLog
log = AuditLog(Path(sys.argv[1]), segment_bytes=20_000)
for number in range(int(sys.argv[3])):
    log.append({"action": "a", "target": sys.argv[2], "parameters": {"number": number, "text": "x" * 300}})
    print(number, flush=True)
"""


def _writer(folder: Path, name: str, count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(folder), name, str(count)], stdout=subprocess.PIPE, cwd=Path.cwd()
    )


def test_processes_that_append_at_once_share_one_chain(tmp_path: Path) -> None:
    writers = [_writer(tmp_path, name, 100) for name in ("one", "two", "three")]
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    check = verify_log(tmp_path)
    assert check.whole
    assert check.events == 300
    assert check.segments > 3
    for name in ("one", "two", "three"):
        own = [event["parameters"]["number"] for event in read_events(tmp_path) if event["target"] == name]
        assert own == list(range(100))


def test_a_writer_that_is_killed_leaves_a_log_that_others_go_on_with(tmp_path: Path) -> None:
    chance = random.Random(5)
    said = 0
    for _ in range(8):
        writer = _writer(tmp_path, "killed", 10_000)
        assert writer.stdout is not None
        for _ in range(chance.randrange(1, 30)):
            writer.stdout.readline()
            said += 1
        os.kill(writer.pid, signal.SIGKILL)
        writer.communicate(timeout=30)
    AuditLog(tmp_path).append({"action": "after"})
    check = verify_log(tmp_path)
    assert check.whole
    assert check.events > said


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_leaves_no_half_event_and_is_told(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1 << 16) as disk:
        log = AuditLog(disk / "audit")
        written = 0
        while os.statvfs(disk).f_bavail:
            log.append({**_fields(written), "parameters": {"text": "x" * 500}})
            written += 1
        with pytest.raises(StateFolderUnusable, match="No space left"):
            log.append({**_fields(written), "parameters": {"text": "x" * 5000}})
        check: AuditCheck = verify_log(disk / "audit")
        assert check.whole
        assert (check.events, check.torn_bytes) == (written, 0)


def test_an_event_tells_who_what_where_and_why(tmp_path: Path) -> None:
    clock = ManualClock()
    event = Event(
        "effect intended",
        kind="restore",
        target="aaaaa-aa",
        network="ic",
        root_key_sha256="ab" * 32,
        operation="20250124T020000Z-restore-1f3a",
        plan_hash="cd" * 32,
        reason="INC-42 https://tickets.example/INC-42",
        principal="2vxsx-fae",
        duration_ns=1_234_567_890,
        cycles_before=10**20,
        cycles_after=0,
    )
    head = Audit(tmp_path, clock).note(event)
    (written,) = read_events(tmp_path / AUDIT_FOLDER)
    assert written["actor"]["principal"] == "2vxsx-fae"
    assert written["actor"]["user"]
    assert written["actor"]["host"]
    assert written["ts"] == "2025-06-15T15:06:40.000000Z"
    assert written["network"] == {"name": "ic", "root_key_sha256": "ab" * 32}
    assert written["cycles"] == {"before": str(10**20), "after": "0"}
    assert written["duration_ms"] == 1234
    assert written["reason"] == "INC-42 https://tickets.example/INC-42"
    assert head == Head(1, written["hash"])


def test_keys_addresses_passphrases_and_signed_requests_are_left_out(tmp_path: Path) -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----\n"
    parameters = {
        "passphrase": "hunter2",
        "nested": [{"PEM": pem, "url": "https://hooks.example/T0/secret", "kept": "yes"}],
        "request": {"envelope": "d9d9f7"},
        "why": f"POST https://hooks.example/T0/secret failed with {pem}",
    }
    event = replace(Event("refused", parameters=parameters), result=f"at https://hooks.example/T0/secret {pem}")
    Audit(tmp_path).note(replace(event, reason=f"pasted {pem}"))
    text = (tmp_path / AUDIT_FOLDER / "000001.jsonl").read_text()
    for secret in ("hunter2", "MC4CAQAw", "T0/secret", "d9d9f7"):
        assert secret not in text
    assert json.loads(text)["parameters"]["nested"] == [{"kept": "yes"}]
    assert redacted({"why": "see wss://host/x now"}) == {"why": "see wss://… now"}
