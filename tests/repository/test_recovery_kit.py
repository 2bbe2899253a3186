"""A printed page opens the repository when every other way in is lost."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from quri_console.repository import age
from quri_console.repository.key_changes import remove_way
from quri_console.repository.recovery_kit import make_recovery_kit
from quri_console.repository.secret_files import Secrets
from quri_console.repository.unlocking import unlock_with
from tests.support.key_holders import (
    WORDS,
    age_holder,
    assert_whole,
    backend_at,
    clock,
    facts_at,
    rotated,
    shared_repository,
)


def test_a_recovery_kit_restores_access_when_every_other_way_is_lost(tmp_path: Path) -> None:
    alice = age_holder("alice")
    kept = shared_repository(tmp_path / "repository", alice)
    kept.take(WORDS)
    kit = make_recovery_kit(backend_at(kept.root), facts_at(kept.root), alice.secrets, clock())
    for text in (facts_at(kept.root).id, kept.root.name, "Format       1", "recovery kit 2025-01-24", kit.way.id):
        assert text in kit.page
    rotated(kept, alice.secrets)
    kept.take({"alpha": "fgh"})
    secret = next(line for line in kit.page.splitlines() if line.strip().startswith("AGE-SECRET-KEY"))
    finder = Secrets(age.identities_in(f"# typed from paper\n{secret.strip()}\n".encode(), "paper"))
    assert_whole(dataclasses.replace(kept, unlock=unlock_with(finder)))
    with kept.locked() as lock:
        remove_way(backend_at(kept.root), facts_at(kept.root), finder, "alice", lock)
    assert_whole(dataclasses.replace(kept, unlock=unlock_with(finder)))
