"""Putting damaged marks away; a hold takes their place, because a damaged one might have been a pin."""

from __future__ import annotations

from quri_console.errors import CorruptionError
from quri_console.repository.backend import Backend, ObjectMissing
from quri_console.repository.marks import MARKS_FOLDER, put_mark, read_marks
from quri_console.repository.quarantine import put_away
from quri_console.repository.repair_report import MarksRepair
from quri_console.repository.sealed import unseal
from quri_console.repository.sets import BEGUN_NAME, is_set_name, set_folder
from quri_console.repository.store import Repository

HOLD_REASON = "a damaged mark beside it was put away; it may have been a pin"


def repair_marks(repository: Repository, *, dry_run: bool = False) -> MarksRepair:
    """Put away damaged marks of sets, and damaged notes of who made a committed set. The exclusive lock is held.

    Raises StorageFailed, DiskFull.
    """
    backend = repository.backend
    committed = repository.set_names()
    put: list[str] = []
    held: list[str] = []
    for name in backend.folders(MARKS_FOLDER):
        damaged = read_marks(backend, name)[1] if is_set_name(name) else ()
        if not damaged:
            continue
        put.extend(damaged)
        if name in committed:
            held.append(name)
        if not dry_run:
            # first the hold: at no time may the set be without protection
            if name in committed:
                put_mark(backend, name, "hold", repository.clock.now_ns(), {"reason": HOLD_REASON})
            for object_name in damaged:
                _put_away(backend, object_name)
    for name in committed:
        place = f"{set_folder(name)}/{BEGUN_NAME}"
        if _is_damaged(backend, place):
            put.append(place)
            if not dry_run:
                _put_away(backend, place)
    return MarksRepair(tuple(put), tuple(held), dry_run)


def _put_away(backend: Backend, name: str) -> None:
    put_away(backend, name, backend.get(name), name.replace("/", "."))


def _is_damaged(backend: Backend, place: str) -> bool:
    try:
        unseal(backend.get(place), place)
    except ObjectMissing:
        return False
    except CorruptionError:
        return True
    return False
