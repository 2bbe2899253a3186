"""A small repository whose sets are written as words: every letter is one chunk of its own content, `0` is zeros."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from quri_console.clock import ManualClock
from quri_console.repository.chunk_list import joined
from quri_console.repository.chunk_writer import ChunkWriter
from quri_console.repository.filesystem import FileSystem
from quri_console.repository.local import LocalBackend
from quri_console.repository.locks import RepositoryLock, acquire
from quri_console.repository.marks import MarkKind, put_mark
from quri_console.repository.prune import plan_prune
from quri_console.repository.prune_execute import execute_prune
from quri_console.repository.prune_plan import PrunePlan, PruneResult
from quri_console.repository.set_writer import SetWriter
from quri_console.repository.sets import SetItem, SetManifest
from quri_console.repository.store import Repository, Unlock, create_repository, no_key
from quri_console.repository.trash import forget
from quri_console.repository.vault import Randomness

CHUNK = 16384
START = datetime(2025, 1, 24, 2, tzinfo=UTC)
DAY = timedelta(days=1)


def content(word: str) -> bytes:
    """The bytes that a word stands for; letters do not compress."""
    return b"".join(bytes(CHUNK) if letter == "0" else random.Random(letter).randbytes(CHUNK) for letter in word)


def nanoseconds(moment: datetime) -> int:
    """A time as the repository's clocks tell it."""
    return int(moment.timestamp()) * 1_000_000_000


@dataclass
class KeptSets:
    """A repository in a folder and the day it is there; `words` are the committed sets' subjects and contents."""

    root: Path
    now: datetime = START
    unlock: Unlock = no_key
    words: dict[str, dict[str, str]] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)
    """Subjects by what words call them, where that is something else."""

    @classmethod
    def create(cls, root: Path, *, randomness: Randomness | None = None) -> KeptSets:
        """An empty one in the clear."""
        create_repository(LocalBackend(root), **({"randomness": randomness} if randomness else {}))
        return cls(root)

    def open(self, filesystem: FileSystem | None = None) -> Repository:
        """The repository, read anew."""
        return Repository.open(self.root, unlock=self.unlock, filesystem=filesystem)

    def take(self, words: Mapping[str, str], *, days: float = 1, pack_bytes: int = 1 << 24) -> str:
        """Commit a set that holds these words by subject, `days` after what was before."""
        self.now += days * DAY
        writer, items = self.begin(words, pack_bytes=pack_bytes)
        writer.commit(items, {"tool": "tests"})
        self.words[writer.name] = dict(words)
        return writer.name

    def begin(
        self, words: Mapping[str, str], *, pack_bytes: int = 1 << 24, begun: Mapping[str, Any] | None = None
    ) -> tuple[SetWriter, list[SetItem]]:
        """Write a set now, all but its manifest."""
        repository = self.open()
        fields = begun or {"operation": "01OPERATION", "host": "keeper"}
        writer = SetWriter.reserve(repository.backend, repository.vault, repository.id, nanoseconds(self.now), fields)
        assert writer is not None
        chunks = ChunkWriter(
            repository.backend, repository.vault, repository.index, pack_bytes=pack_bytes, frame_bytes=2 * CHUNK
        )
        lists = {}
        for subject, word in words.items():
            data = content(word)
            lists[subject] = joined(CHUNK, len(data), chunks.add(data, CHUNK).ids)
        chunks.flush()
        for subject, chunk_list in lists.items():
            writer.put_record(subject, "status.toml", f"of {subject}".encode())
            writer.put_chunk_list(subject, "memory", chunk_list)
        return writer, [SetItem(subject, self.subjects.get(subject, subject)) for subject in words]

    def locked(self) -> RepositoryLock:
        """The exclusive lock, to be held in a `with` block."""
        return acquire(LocalBackend(self.root), "exclusive", "a test", ManualClock(nanoseconds(self.now)))

    def plan(self, **options: Any) -> PrunePlan:
        """What a prune would do now."""
        return plan_prune(self.open(), now=self.now, **options)

    def prune(self, filesystem: FileSystem | None = None, **options: Any) -> PruneResult:
        """Prune now."""
        repository = self.open(filesystem)
        with self.locked() as lock:
            return execute_prune(repository, plan_prune(repository, now=self.now, **options), lock)

    def forget(self, *names: str) -> None:
        """Forget sets now."""
        forget(self.open(), names, by="eva@console", reason="old", now=self.now)

    def mark(self, name: str, kind: MarkKind, **fields: Any) -> None:
        """Mark a set now."""
        put_mark(LocalBackend(self.root), name, kind, nanoseconds(self.now), fields)

    def verified(self, name: str, *, ok: bool = True) -> str:
        """Mark a set as read and found whole, or not; its name."""
        self.mark(name, "verification", ok=ok, scope="data", folders=[])
        return name

    def read(self, name: str, filesystem: FileSystem | None = None) -> dict[str, str]:
        """What the set holds: "?" where it is not what was written."""
        repository = self.open(filesystem)
        manifest = repository.manifest(name)
        return {
            subject: word
            if repository.blob(manifest, f"{subject}/memory.chunks").read(0, len(word) * CHUNK) == content(word)
            and repository.record(manifest, f"{subject}/status.toml") == f"of {subject}".encode()
            else "?"
            for subject, word in self.words[name].items()
        }

    def manifest(self, name: str) -> SetManifest:
        """The manifest of a set."""
        return self.open().manifest(name)

    def packs(self) -> dict[str, int]:
        """Size of every pack by its name."""
        return {entry.name: entry.size for entry in LocalBackend(self.root).list("packs")}

    def size(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.root.rglob("*") if path.is_file())

    def damage(self, relative: str) -> None:
        """Flip a byte in the middle of a file."""
        path = self.root / relative
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)

    def pack_of(self, letter: str) -> str:
        """The pack that a chunk is read from."""
        repository = self.open()
        return repository.index.find(repository.vault.chunk_id(content(letter))).pack.name
