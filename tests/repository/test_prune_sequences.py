"""In whatever order backups are taken, forgotten, brought back and pruned: what was not pruned is whole."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest

from quri_console.errors import RefusedBySafetyRule
from quri_console.repository.check import check_repository
from quri_console.repository.check_data import DataOptions
from quri_console.repository.check_selection import Everything
from quri_console.repository.trash import read_trash, unforget
from tests.support.kept_sets import DAY, KeptSets

LETTERS = "abcdefghijklmnop0"


class Sequence:
    """One run of made-up days; the words that the repository must still hold are `kept.words`."""

    def __init__(self, kept: KeptSets, seed: int) -> None:
        self.kept = kept
        self.random = random.Random(seed)
        self.pruned = 0

    def run(self, steps: int) -> None:
        for _ in range(steps):
            step = self.random.choice(
                [self.take, self.take, self.forget, self.forget, self.undo, self.prune, self.prune]
            )
            step()
            self.kept.now += self.random.choice([1, 30, 200, 400]) * DAY / 100

    def take(self) -> None:
        words = {name: self.word() for name in self.random.sample(["alpha", "beta"], self.random.randint(1, 2))}
        name = self.kept.take(words, pack_bytes=self.random.choice([1, 4, 100]) * 16384)
        if self.random.random() < 0.3:
            self.kept.verified(name)

    def word(self) -> str:
        start = self.random.randrange(len(LETTERS))
        return (LETTERS + LETTERS)[start : start + self.random.randint(1, 8)]

    def forget(self) -> None:
        if self.kept.words:
            name = self.random.choice(sorted(self.kept.words))
            try:
                self.kept.forget(name)
            except RefusedBySafetyRule:
                self.kept.read(name)

    def undo(self) -> None:
        trash = sorted(read_trash(self.kept.open().backend).sets)
        if trash:
            unforget(self.kept.open(), [self.random.choice(trash)])

    def prune(self) -> None:
        grace = self.random.choice([timedelta(0), 1 * DAY, 3 * DAY])
        planned = self.kept.plan(grace=grace)
        result = self.kept.prune(grace=grace)
        assert result.plan == planned
        assert result.freed_bytes == planned.freed_now_bytes
        assert result.damaged == ()
        for item in planned.sets:
            del self.kept.words[item.name]
            self.pruned += 1
        assert set(self.kept.open().set_names()) == set(self.kept.words)
        assert {name: self.kept.read(name) for name in self.kept.words} == self.kept.words


@pytest.mark.parametrize("seed", range(6))
def test_no_order_of_events_loses_a_backup_that_was_not_pruned(tmp_path: Path, seed: int) -> None:
    kept = KeptSets.create(tmp_path / "repository")
    sequence = Sequence(kept, seed)
    sequence.run(40)
    assert sequence.pruned
    report = check_repository(kept.open(), DataOptions(Everything()))
    assert report.damages == ()
