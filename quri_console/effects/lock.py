"""One operation at a time on one canister: a lock file held by the runner for as long as it lives."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

from quri_console.effects.durable import FILE_MODE, compact_json, make_private_directory, unusable
from quri_console.errors import LockedError
from quri_console.repository.process_identity import this_process


def process_identity() -> dict[str, object]:
    """This process so that no later one is taken for it: its id, when it started, and which boot that was."""
    process = this_process()
    return {"pid": process.pid, "started": process.started, "boot": process.boot}


@contextlib.contextmanager
def operate_lock(folder: Path, root_key_hash: bytes, canister: str, operation: str) -> Iterator[None]:
    """Hold `operate:<network>:<canister>`; the network counts by its root key, whatever it is called here.

    Raises LockedError naming who holds it. The kernel frees it when the process dies, however it dies.
    """
    make_private_directory(folder)
    path = folder / f"operate-{root_key_hash.hex()[:16]}-{canister}.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
    except OSError as error:
        raise unusable(path, error) from error
    try:
        _take(descriptor, canister)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, compact_json({"operation": operation, **process_identity()}).encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _take(descriptor: int, canister: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise LockedError(
            f"another operation works on {canister}",
            why=_holder(descriptor),
            next_step="See `quri-console operations list`; wait for it, or abort it.",
        ) from error


def _holder(descriptor: int) -> str:
    try:
        fields = json.loads(os.pread(descriptor, 4096, 0))
        return f"operation {fields['operation']} in process {fields['pid']}"
    except (ValueError, KeyError):
        return "it is just starting"


def lock_holder(folder: Path, root_key_hash: bytes, canister: str) -> str | None:
    """Who works on the canister now, in words; None when nobody does."""
    path = folder / f"operate-{root_key_hash.hex()[:16]}-{canister}.lock"
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unusable(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)
