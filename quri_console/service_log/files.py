"""Appends to a file that other processes append to as well, and lets it give way when it is large."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

from quri_console.config.log import LogConfig
from quri_console.folders import make_private_folders
from quri_console.service_log.line import Process

FILE_MODE = 0o600
LOCK_NAME = "lock"
LOCK_SECONDS, LOCK_PAUSE_SECONDS = 0.2, 0.005
PATIENCE_SECONDS = 60.0
"""After a lock that was not to be had, it is asked for without waiting for so long."""


def log_path(folder: Path, process: Process) -> Path:
    """The newest file of a kind of process."""
    return folder / f"{process}.jsonl"


class SharedFile:
    """The log file of one kind of process; each line is written by an open, a write and a close of its own."""

    def __init__(self, folder: Path, process: Process, config: LogConfig) -> None:
        self.path = log_path(folder, process)
        self._size_bytes = config.size_bytes
        # with delay it opens nothing: only how files give way to each other is wanted of it
        self._rotation = RotatingFileHandler(self.path, backupCount=config.count, delay=True)
        self._no_waiting_until = 0.0

    def append(self, data: bytes) -> None:
        """Write one line that ends with a newline. Raises OSError; then nothing of it is left, or not a whole line."""
        try:
            self._append(data)
        except FileNotFoundError:
            # the folder is not there yet, or somebody has tidied up
            make_private_folders(self.path.parent)
            self._append(data)

    def _append(self, data: bytes) -> None:
        with self._locked() as locked:
            if locked:
                self._give_way(len(data))
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, FILE_MODE)
            try:
                _write(descriptor, data, may_cut=locked)
            finally:
                os.close(descriptor)

    def _give_way(self, more_bytes: int) -> None:
        with contextlib.suppress(FileNotFoundError):
            size = self.path.stat().st_size
            if size and size + more_bytes > self._size_bytes:
                self._rotation.doRollover()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[bool]:
        """Hold the lock while the block runs; whether it was to be had."""
        descriptor = os.open(self.path.with_name(LOCK_NAME), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            yield self._take(descriptor)
        finally:
            os.close(descriptor)

    def _take(self, descriptor: int) -> bool:
        now = time.monotonic()
        give_up_at = now if now < self._no_waiting_until else now + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= give_up_at:
                    self._no_waiting_until = time.monotonic() + PATIENCE_SECONDS
                    return False
                time.sleep(LOCK_PAUSE_SECONDS)
            else:
                return True


def _write(descriptor: int, data: bytes, *, may_cut: bool) -> None:
    state = os.fstat(descriptor)
    if state.st_mode & 0o077:
        os.fchmod(descriptor, FILE_MODE)
    if state.st_size and os.pread(descriptor, 1, state.st_size - 1) != b"\n":
        # what a full disk cut off must not swallow the line after it
        data = b"\n" + data
    try:
        if os.write(descriptor, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError:
        if may_cut:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, state.st_size)
        raise
