"""A journal in plain words: every event that is written has some, and none is a raw line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import quri_console
from quri_console.backup.resume import SET_RESERVED
from quri_console.effects.calls import EFFECTS
from quri_console.effects.journal import Record
from quri_console.effects.replay import (
    ADMITTED,
    DONE,
    INTENT,
    NOT_EXECUTED,
    OUTCOME,
    REJECTED,
    RESOLVED,
    STATUS_BEFORE,
    STOPPED_ON_PURPOSE,
    UNKNOWN,
)
from quri_console.render.journal_words import told_journal
from quri_console.render.operation_steps import journal_lines
from quri_console.render.spans import plain
from quri_console.restore.drift import FIRST_LOOK
from quri_console.restore.leftovers import LEFT_ON_CHAIN
from quri_console.restore.restore_source import HOOK_REFUSED
from quri_console.restore.stopped_checks import CHECKED
from quri_console.restore.undoing import WAY_BACK, WENT_BACK
from tests.support.fleets import NOW_NS, RUNE, SECOND

NAMES = {RUNE: "rune-engine"}
SNAPSHOT = "000000000000000180000000001000000101"
TORN, NOT_AUDITED = "torn line removed", "not audited"


def journal(*records: tuple[str, dict[str, Any]]) -> list[Record]:
    return [Record(number, NOW_NS + number * SECOND, event, fields) for number, (event, fields) in enumerate(records)]


def told(*records: tuple[str, dict[str, Any]]) -> list[str]:
    return [sentence for _, sentence, _ in told_journal(journal(*records), NAMES)]


ADMISSION = {
    "kind": "restore",
    "network": "local",
    "operation": "op",
    "plan_hash": "9a5c443ce8bb05f6a28a7ab9",
    "principal": "mk7mf-2ae",
    "reason": None,
    "root_key_sha256": "94ed",
}
EVENTS: list[tuple[str, dict[str, Any], str]] = [
    (ADMITTED, ADMISSION, "restore on local begins as mk7mf-2ae, by plan 9a5c443ce8bb05f6"),
    (
        ADMITTED,
        {**ADMISSION, "plan_hash": "", "reason": "INC-7"},
        "restore on local begins as mk7mf-2ae, because: INC-7",
    ),
    (
        ADMITTED,
        {**ADMISSION, "principal": "mk7mf-3uzy2-4z4uu-en6oi-u22xf-2ae", "plan_hash": ""},
        "restore on local begins as mk7mf-…-2ae",
    ),
    (ADMITTED, {**ADMISSION, "principal": "anonymous", "plan_hash": ""}, "restore on local begins as anonymous"),
    (RESOLVED, {"by": "eva", "reason": "INC-7", "seen": {}}, "eva marked it resolved, because: INC-7"),
    (
        RESOLVED,
        {"by": "eva", "reason": "", "left_stopped": True},
        "eva marked it resolved, and left stopped what is stopped",
    ),
    (FIRST_LOOK, {"canister": RUNE, "snapshots": []}, "rune-engine has no snapshot on chain"),
    (FIRST_LOOK, {"canister": RUNE, "snapshots": ["a"]}, "rune-engine has 1 snapshot on chain"),
    (FIRST_LOOK, {"canister": "aaaaa-aa", "snapshots": ["a", "b"]}, "aaaaa-aa has 2 snapshots on chain"),
    (STATUS_BEFORE, {"canister": RUNE, "status": "running"}, "rune-engine was running before"),
    (STOPPED_ON_PURPOSE, {"canister": RUNE}, "rune-engine stays stopped, as was asked for"),
    (CHECKED, {"canister": RUNE}, "rune-engine was looked into: it is what was loaded"),
    (
        HOOK_REFUSED,
        {"canister": RUNE},
        "the network refuses the low-memory hook status of rune-engine: sent as unknown",
    ),
    (
        WAY_BACK,
        {"what": "its health query failed", "why": "it trapped", "next_step": "", "exit_code": 1},
        "goes back to the state before, because its health query failed: it trapped",
    ),
    (WENT_BACK, {}, "everything has the state from before"),
    (
        LEFT_ON_CHAIN,
        {"canister": RUNE, "snapshot_id": SNAPSHOT, "why": "no answer"},
        f"snapshot {SNAPSHOT} of rune-engine STAYS ON CHAIN and costs cycles: no answer",
    ),
    (SET_RESERVED, {"set": "20250124T020000Z", "repository": "d09d"}, "backup 20250124T020000Z is begun"),
    (NOT_AUDITED, {"why": "the disk is full"}, "NOT IN THE AUDIT LOG: the disk is full"),
    (TORN, {"bytes": 7}, "a torn last line of 7 bytes was cut off: its writer had died"),
    (
        "something newer",
        {"canister": RUNE, "n": 3, "none": None},
        f"something newer, canister {RUNE}, n 3",
    ),
]


@pytest.mark.parametrize(("event", "fields", "sentence"), EVENTS)
def test_what_is_no_effect(event: str, fields: dict[str, Any], sentence: str) -> None:
    assert told((event, fields)) == [sentence]


EFFECTS_TOLD: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    ("start", {}, {}, "starts rune-engine", "rune-engine is started"),
    ("stop", {"timeout_seconds": 60.0}, {}, "stops rune-engine, within 1 m", "rune-engine is stopped"),
    (
        "take snapshot",
        {"purpose": "check", "replaced": "aa"},
        {"snapshot_id": SNAPSHOT},
        "takes a snapshot of rune-engine, to look into it, in place of aa",
        f"snapshot {SNAPSHOT} of rune-engine is taken",
    ),
    (
        "load snapshot",
        {"snapshot_id": SNAPSHOT},
        {},
        f"loads snapshot {SNAPSHOT} into rune-engine",
        f"rune-engine has the state of snapshot {SNAPSHOT}",
    ),
    (
        "delete snapshot",
        {"snapshot_id": SNAPSHOT},
        {},
        f"deletes snapshot {SNAPSHOT} of rune-engine",
        f"snapshot {SNAPSHOT} of rune-engine is deleted",
    ),
    (
        "upload metadata",
        {},
        {"snapshot_id": SNAPSHOT},
        "makes an empty snapshot of rune-engine, to upload into",
        f"snapshot {SNAPSHOT} of rune-engine is there, still empty",
    ),
    (
        "update settings",
        {"settings": ["freezing_threshold", "controllers"]},
        {},
        "changes settings of rune-engine: freezing threshold, controllers",
        "settings of rune-engine are changed",
    ),
    ("upgrade", {"module_sha256": "aa"}, {}, "upgrades rune-engine", "rune-engine has the other module"),
    (
        "upgrade from chunks",
        {},
        {},
        "upgrades rune-engine by what was sent in pieces",
        "rune-engine has the other module",
    ),
    ("clear chunk store", {}, {}, "empties the chunk store of rune-engine", "the chunk store of rune-engine is empty"),
    (
        "top up",
        {"cycles": 10**12},
        {"block": 7},
        "sends 1 T cycles to rune-engine",
        "1 T cycles were sent to rune-engine",
    ),
    (
        "create canister",
        {"cycles": 10**12},
        {"canister": RUNE},
        "makes a canister with 1 T cycles",
        "canister rune-engine is there",
    ),
]
PIECES = ("upload slice", "upload chunk", "store chunk")


@pytest.mark.parametrize(("effect", "fields", "result", "asked", "done"), EFFECTS_TOLD)
def test_an_effect_says_what_is_asked_and_what_there_is_when_it_is_done(
    effect: str, fields: dict[str, Any], result: dict[str, Any], asked: str, done: str
) -> None:
    intent = (INTENT, {"effect": effect, "canister": RUNE, **fields})
    assert told(intent, (OUTCOME, {"intent": 0, "outcome": DONE, **result})) == [asked, done]


def test_every_effect_that_there_is_has_words() -> None:
    assert {effect for effect, *_ in EFFECTS_TOLD} | set(PIECES) == set(EFFECTS)


STOP = (INTENT, {"effect": "stop", "canister": RUNE, "timeout_seconds": 60})


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"intent": 0, "outcome": REJECTED, "code": "IC0512", "message": "no controller"},
            "REFUSED: stops rune-engine, within 1 m: no controller (IC0512)",
        ),
        ({"intent": 0, "outcome": REJECTED}, "REFUSED: stops rune-engine, within 1 m: no reason given"),
        (
            {"intent": 0, "outcome": NOT_EXECUTED, "decided_by": "snapshot ids"},
            "not executed: stops rune-engine, within 1 m (decided by: snapshot ids)",
        ),
        ({"intent": 0, "outcome": UNKNOWN}, "NOT KNOWN whether it was executed: stops rune-engine, within 1 m"),
        (
            {"intent": 0, "outcome": DONE, "decided_by": "certified request status"},
            "rune-engine is stopped (decided by: certified request status)",
        ),
        ({"intent": 99, "outcome": DONE}, "done, of something that the journal does not have"),
    ],
)
def test_how_an_effect_ended(fields: dict[str, Any], sentence: str) -> None:
    assert told(STOP, (OUTCOME, fields))[1] == sentence


def test_a_later_process_goes_on() -> None:
    first, _, second = told((ADMITTED, ADMISSION), STOP, (ADMITTED, ADMISSION))
    assert (first.split(" as ")[0], second.split(" as ")[0]) == (
        "restore on local begins",
        "restore on local is gone on with",
    )


@pytest.mark.parametrize("effect", PIECES)
def test_pieces_of_data_are_told_by_the_row_and_a_refused_one_by_itself(effect: str) -> None:
    pieces = [
        (INTENT, {"effect": effect, "canister": RUNE, "size": 1 << 20, "snapshot_id": SNAPSHOT}) for _ in range(40)
    ]
    done = [(OUTCOME, {"intent": number, "outcome": DONE}) for number in range(39)]
    refused = (OUTCOME, {"intent": 39, "outcome": REJECTED, "message": "full"})
    sentences = told(*pieces, *done, refused, STOP)
    assert sentences[0] == "sends rune-engine 40 pieces of data, 40 MiB: 39 arrived"
    assert sentences[1].startswith("REFUSED: ")
    assert "1 MiB" in sentences[1]
    assert len(sentences) == 3


def test_what_a_canister_answered_is_harmless() -> None:
    hostile = (OUTCOME, {"intent": 0, "outcome": REJECTED, "message": "\x1b[2J\u202e[bold]", "code": "\x07"})
    text = "\n".join(plain(line) for line in journal_lines(journal(STOP, hostile), NAMES))
    assert "\\e[2J\\u{202e}[bold]" in text
    assert not set("\x1b\u202e\x07") & set(text)


@pytest.mark.parametrize("mangled", [{}, {"effect": 5, "canister": None}, {"intent": "x", "outcome": []}, {"why": {}}])
@pytest.mark.parametrize("event", [INTENT, OUTCOME, *sorted({event for event, *_ in EVENTS})])
def test_a_record_without_its_particulars_is_told_all_the_same(event: str, mangled: dict[str, Any]) -> None:
    (sentence,) = told((event, mangled))
    assert sentence


def test_every_event_that_the_code_writes_has_words() -> None:
    """What `journal.append` is called with anywhere is in the table above."""
    known = {INTENT, OUTCOME, *(event for event, *_ in EVENTS)}
    constants = {
        name: value for name, value in globals().items() if name.isupper() and isinstance(value, str) and value in known
    }
    written = set()
    for path in Path(quri_console.__file__).parent.rglob("*.py"):
        for argument in re.findall(r"journal\.append\(\s*(\"[^\"]+\"|[A-Z_]+)", path.read_text()):
            written.add(argument.strip('"') if argument[0] == '"' else constants.get(argument, argument))
    assert len(written) > 10
    assert written <= known
