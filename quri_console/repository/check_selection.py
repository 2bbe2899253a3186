"""Which packs a check reads: all, every t-th of them, or a random sample of those not read for longest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Protocol

from quri_console.errors import UsageError
from quri_console.repository.index import IndexedPack
from quri_console.units import GIB, KIB, MIB, format_bytes

_PART = re.compile(r"([0-9]+)/([0-9]+)")
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)%")
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)([KMGT])(?:iB)?", re.IGNORECASE)
_UNITS = {"K": KIB, "M": MIB, "G": GIB, "T": 1024 * GIB}


class Selection(Protocol):
    """Chooses packs."""

    @property
    def words(self) -> str:
        """What is chosen, for people; empty for everything."""

    def choose(
        self, packs: Iterable[IndexedPack], last_reads: Mapping[bytes, int], source: Random
    ) -> tuple[IndexedPack, ...]:
        """The packs to read, in the order in which to read them: never read ones first, then the longest ago."""


@dataclass(frozen=True, slots=True)
class Everything:
    """All packs."""

    words: str = ""

    def choose(
        self, packs: Iterable[IndexedPack], last_reads: Mapping[bytes, int], source: Random
    ) -> tuple[IndexedPack, ...]:
        return _oldest_first(packs, last_reads, source)


@dataclass(frozen=True, slots=True)
class Part:
    """The `number`th of `parts` parts, by the packs' names, so that all parts together are everything."""

    number: int
    parts: int

    @property
    def words(self) -> str:
        return f"part {self.number} of {self.parts}"

    def choose(
        self, packs: Iterable[IndexedPack], last_reads: Mapping[bytes, int], source: Random
    ) -> tuple[IndexedPack, ...]:
        chosen = [pack for pack in packs if int.from_bytes(pack.id, "big") % self.parts == self.number - 1]
        return _oldest_first(chosen, last_reads, source)


@dataclass(frozen=True, slots=True)
class ShareSample:
    """Packs of together at least this share (0 to 1) of all bytes."""

    share: float

    @property
    def words(self) -> str:
        return f"a sample of {self.share * 100:.3g} %"

    def choose(
        self, packs: Iterable[IndexedPack], last_reads: Mapping[bytes, int], source: Random
    ) -> tuple[IndexedPack, ...]:
        ordered = _oldest_first(packs, last_reads, source)
        return _first(ordered, self.share * sum(pack.size for pack in ordered))


@dataclass(frozen=True, slots=True)
class SizeSample:
    """Packs of together at least `size` bytes."""

    size: int

    @property
    def words(self) -> str:
        return f"a sample of {format_bytes(self.size)}"

    def choose(
        self, packs: Iterable[IndexedPack], last_reads: Mapping[bytes, int], source: Random
    ) -> tuple[IndexedPack, ...]:
        return _first(_oldest_first(packs, last_reads, source), self.size)


def _first(packs: Iterable[IndexedPack], wanted_bytes: float) -> tuple[IndexedPack, ...]:
    chosen, total = [], 0
    for pack in packs:
        if total >= wanted_bytes:
            break
        chosen.append(pack)
        total += pack.size
    return tuple(chosen)


def _oldest_first(
    packs: Iterable[IndexedPack], last_reads: Mapping[bytes, int], source: Random
) -> tuple[IndexedPack, ...]:
    mixed = sorted(packs, key=lambda pack: pack.id)
    source.shuffle(mixed)
    return tuple(sorted(mixed, key=lambda pack: last_reads.get(pack.id, 0)))


def parse_selection(text: str) -> Selection:
    """What `--subset` says: `2/7`, `5%` or `10G`. Raises UsageError."""
    if part := _PART.fullmatch(text):
        number, parts = int(part[1]), int(part[2])
        if 1 <= number <= parts:
            return Part(number, parts)
    elif percent := _PERCENT.fullmatch(text):
        if 0 < float(percent[1]) <= 100:
            return ShareSample(float(percent[1]) / 100)
    elif (size := _SIZE.fullmatch(text)) and float(size[1]) > 0:
        return SizeSample(int(float(size[1]) * _UNITS[size[2].upper()]))
    raise UsageError(
        f"{text!r} is not a part of the repository",
        next_step="Write 2/7 for the second of seven parts, 5% for a sample of that share, 10G for one of that size.",
    )
