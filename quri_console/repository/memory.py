"""Objects in memory: a place for packs on their way to somewhere that takes them one after the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from quri_console.repository.backend import Entry, check_name, missing


class MemoryBackend:
    """Objects that live as long as this does, or until they are taken out."""

    location = "memory"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._objects: dict[str, tuple[bytes, str]] = {}
        self._stored = 0

    def take_all(self) -> tuple[tuple[str, bytes], ...]:
        """Every object by name, in the order in which they came; none of them is here any more."""
        with self._lock:
            taken = tuple((name, data) for name, (data, _) in self._objects.items())
            self._objects.clear()
        return taken

    def put(self, name: str, data: bytes) -> None:
        with self._lock:
            self._store(name, data)

    def put_if_absent(self, name: str, data: bytes | bytearray) -> bool:
        with self._lock:
            if name in self._objects:
                return False
            self._store(name, bytes(data))
        return True

    def get(self, name: str) -> bytes:
        found = self._objects.get(check_name(name))
        if found is None:
            raise missing(self.location, name)
        return found[0]

    def get_range(self, name: str, offset: int, size: int) -> bytes:
        return self.get(name)[offset : offset + size]

    def list(self, prefix: str) -> Iterator[Entry]:
        with self._lock:
            entries = [self._entry(name) for name in sorted(self._objects) if name.startswith(f"{prefix}/")]
        yield from entries

    def folders(self, prefix: str) -> tuple[str, ...]:
        with self._lock:
            below = [name.removeprefix(f"{prefix}/") for name in self._objects if name.startswith(f"{prefix}/")]
        return tuple(sorted({name.split("/")[0] for name in below if "/" in name}))

    def head(self, name: str) -> Entry | None:
        with self._lock:
            return self._entry(name) if check_name(name) in self._objects else None

    def delete(self, name: str) -> None:
        with self._lock:
            self._objects.pop(check_name(name), None)

    def _store(self, name: str, data: bytes) -> None:
        self._stored += 1
        self._objects[check_name(name)] = (data, str(self._stored))

    def _entry(self, name: str) -> Entry:
        data, version = self._objects[name]
        return Entry(name, len(data), version)
