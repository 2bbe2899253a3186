from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from quri_console.effects.gate import Intention, admit, check_wanted, needs_typing
from quri_console.errors import ExitCode, RefusedBySafetyRule

ROOT_KEY = b"root key"
ROOT_KEY_HASH = hashlib.sha256(ROOT_KEY).digest()
RESTORE = Intention(
    kind="restore",
    network="ic",
    production=False,
    read_only=False,
    canister="rune-engine",
    confirmation="ic/rune-engine",
    planned_hash="abc",
    present_hash="abc",
    planned_root_key_hash=ROOT_KEY_HASH,
)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"read_only": True}, "read-only"),
        ({"read_only": True, "force": True, "kind": "backup"}, "read-only"),
        ({"production": True}, "production network"),
        ({"production": True, "confirmation": "ic/rune-engine", "force": False}, "production network"),
        ({"production": True, "force": True, "confirmation": ""}, "does not name"),
        ({"confirmation": "rune-engine"}, "does not name"),
        ({"confirmation": "ic/registry"}, "does not name"),
        ({"confirmation": "IC/rune-engine"}, "does not name"),
        ({"confirmation": "ic/rune-engine "}, "does not name"),
        ({"kind": "rollback", "confirmation": ""}, "does not name"),
        ({"kind": "backup", "production": True, "force": True, "confirmation": ""}, "does not name"),
        ({"kind": "backup", "production": True}, "production network"),
        ({"planned_hash": "abd"}, "not the one that was confirmed"),
        ({"planned_root_key_hash": bytes(32)}, "not the network that this was planned for"),
    ],
)
def test_refusals(change: dict[str, object], words: str) -> None:
    with pytest.raises(RefusedBySafetyRule, match=words) as refusal:
        admit(replace(RESTORE, **change), ROOT_KEY)  # type: ignore[arg-type]
    assert refusal.value.exit_code == ExitCode.REFUSED
    assert refusal.value.next_step


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"production": True, "force": True},
        {"kind": "rollback"},
        {"kind": "backup", "confirmation": ""},
        {"kind": "backup", "production": True, "force": True},
    ],
)
def test_what_is_let_through(change: dict[str, object]) -> None:
    intention = replace(RESTORE, **change)  # type: ignore[arg-type]
    check_wanted(intention)
    permit = admit(intention, ROOT_KEY)
    assert permit.root_key_hash == ROOT_KEY_HASH
    assert permit.kind == intention.kind


def test_deleting_snapshots_is_typed_on_every_network() -> None:
    assert needs_typing("delete-snapshot", production=False)
