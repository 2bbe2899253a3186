"""Which packs a check reads, as `--subset` says it."""

from __future__ import annotations

import random

import pytest

from quri_console.errors import UsageError
from quri_console.repository.check_selection import (
    Everything,
    Part,
    Selection,
    ShareSample,
    SizeSample,
    parse_selection,
)
from quri_console.repository.index import IndexedPack
from quri_console.units import GIB, MIB

PACKS = tuple(IndexedPack(random.Random(number).randbytes(32), 100, ()) for number in range(20))


@pytest.mark.parametrize(
    ("text", "selection", "words"),
    [
        ("2/7", Part(2, 7), "part 2 of 7"),
        ("1/1", Part(1, 1), "part 1 of 1"),
        ("5%", ShareSample(0.05), "a sample of 5 %"),
        ("0.5%", ShareSample(0.005), "a sample of 0.5 %"),
        ("100%", ShareSample(1.0), "a sample of 100 %"),
        ("10G", SizeSample(10 * GIB), "a sample of 10 GiB"),
        ("1.5MiB", SizeSample(3 * MIB // 2), "a sample of 1.5 MiB"),
    ],
)
def test_a_subset_is_a_part_a_share_or_a_size(text: str, selection: Selection, words: str) -> None:
    assert parse_selection(text) == selection
    assert selection.words == words


@pytest.mark.parametrize("text", ["", "0/7", "8/7", "1/0", "-1/7", "0%", "101%", "5 %", "0G", "10", "G", "1/2/3", "٣%"])
def test_what_selects_nothing_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_selection(text)


def test_what_was_never_read_comes_first_and_then_what_was_read_longest_ago() -> None:
    last_reads = {pack.id: 1000 + number for number, pack in enumerate(PACKS[:15])}
    chosen = Everything().choose(PACKS, last_reads, random.Random(1))
    assert set(chosen[:5]) == set(PACKS[15:])
    assert chosen[5:] == PACKS[:15]


def test_a_sample_is_another_one_for_another_seed_and_the_same_for_the_same() -> None:
    samples = [SizeSample(500).choose(PACKS, {}, random.Random(seed)) for seed in (1, 1, 2)]
    assert [len(sample) for sample in samples] == [5, 5, 5]
    assert samples[0] == samples[1] != samples[2]
