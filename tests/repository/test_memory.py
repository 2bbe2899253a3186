"""Objects in memory behave as those of a folder do."""

from __future__ import annotations

from pathlib import Path

import pytest

from quri_console.repository.backend import Backend, ObjectMissing
from quri_console.repository.local import LocalBackend
from quri_console.repository.memory import MemoryBackend


@pytest.fixture(params=["folder", "memory"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    return LocalBackend(tmp_path) if request.param == "folder" else MemoryBackend()


def test_what_was_put_is_got_listed_and_deleted(backend: Backend) -> None:
    backend.put("a/b/c", b"content")
    backend.put("a/d", b"")
    assert backend.get("a/b/c") == b"content"
    assert backend.get_range("a/b/c", 2, 3) == b"nte"
    assert backend.get_range("a/b/c", 5, 100) == b"nt"
    assert [(entry.name, entry.size) for entry in backend.list("a")] == [("a/b/c", 7), ("a/d", 0)]
    assert backend.folders("a") == ("b",)
    assert backend.folders("z") == ()
    backend.delete("a/b/c")
    backend.delete("a/b/c")
    assert backend.head("a/b/c") is None
    with pytest.raises(ObjectMissing):
        backend.get("a/b/c")


def test_an_object_is_put_once_unless_replaced_and_then_its_version_differs(backend: Backend) -> None:
    assert backend.put_if_absent("x", b"one")
    first = backend.head("x")
    assert not backend.put_if_absent("x", b"two")
    assert backend.get("x") == b"one"
    backend.put("x", b"three")
    second = backend.head("x")
    assert first is not None
    assert second is not None
    assert first.version != second.version


def test_impossible_names_are_refused(backend: Backend) -> None:
    for name in ("../x", ".x", "/x", ""):
        with pytest.raises(ValueError, match="no object"):
            backend.put(name, b"")


def test_what_is_taken_out_of_memory_is_no_more_in_it() -> None:
    backend = MemoryBackend()
    backend.put("b", b"1")
    backend.put("a", b"2")
    assert backend.take_all() == (("b", b"1"), ("a", b"2"))
    assert backend.take_all() == ()
