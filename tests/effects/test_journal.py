from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.clock import ManualClock
from quri_console.effects.durable import StateFolderUnusable
from quri_console.effects.journal import Journal, read_records
from quri_console.errors import CorruptionError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "operation" / "journal.jsonl"


def test_what_is_written_is_read_by_the_next_process(path: Path) -> None:
    first = Journal(path, clock=ManualClock(5))
    first.append("intent", effect="start", canister="ä\n\u202e")
    first.append("outcome", intent=0, outcome="done")
    first.close()
    second = Journal(path)
    assert second.records == first.records
    assert [(record.sequence, record.at_ns, record.event) for record in second.records] == [
        (0, 5, "intent"),
        (1, 5, "outcome"),
    ]
    assert second.records[0].fields == {"effect": "start", "canister": "ä\n\u202e"}
    second.close()


def test_only_its_owner_can_read_it(path: Path) -> None:
    Journal(path).close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@given(kept=st.integers(min_value=0, max_value=60))
def test_a_torn_last_line_is_cut_off_and_noted(tmp_path_factory: pytest.TempPathFactory, kept: int) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    journal = Journal(path, clock=ManualClock(1))
    journal.append("one", text="first")
    whole = path.stat().st_size
    journal.append("two", text="x" * 60)
    journal.close()
    os.truncate(path, whole + kept)
    later = Journal(path)
    assert later.records[0].fields == {"text": "first"}
    events = [record.event for record in later.records]
    assert events == (["one"] if kept == 0 else ["one", "torn line removed"])
    later.append("three")
    later.close()
    assert read_records(path)[1] == 0
    assert [record.sequence for record in read_records(path)[0]] == list(range(len(events) + 1))


def test_damage_before_the_last_line_is_an_error_that_names_the_line(path: Path) -> None:
    journal = Journal(path)
    for event in ("one", "two", "three"):
        journal.append(event)
    journal.close()
    lines = path.read_bytes().splitlines(keepends=True)
    for damaged in (b"{nonsense\n", b"[]\n", json.dumps({"seq": 7, "at_ns": 1, "event": "two"}).encode() + b"\n"):
        path.write_bytes(lines[0] + damaged + lines[2])
        with pytest.raises(CorruptionError, match="line 2 of"):
            Journal(path)


def test_a_record_that_does_not_fit_on_the_disk_leaves_no_half_line(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(path)
    journal.append("one")
    whole = path.read_bytes()
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:5]))
    with pytest.raises(StateFolderUnusable, match="cannot use") as failure:
        journal.append("two")
    assert "No space left" in failure.value.why
    monkeypatch.undo()
    assert path.read_bytes() == whole
    assert journal.append("two").sequence == 1
    journal.close()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "operation").write_text("a file where a folder should be")
    with pytest.raises(StateFolderUnusable, match="cannot use"):
        Journal(tmp_path / "operation" / "journal.jsonl")
