"""Commands as somebody whom file permissions bind: root ignores them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def folder_of_nobody() -> Iterator[Path]:
    """A fresh folder outside pytest's, which only root may enter; belongs to `nobody` where the tests are root."""
    folder = Path(tempfile.mkdtemp(prefix="quri-console-test-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def give_to_nobody(folder: Path) -> None:
    """Make `nobody` the owner of everything there, if the tests are root; else it is ours and modes bind us."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY)


def as_nobody() -> tuple[str, ...]:
    """What to put before a command so that permissions bind it."""
    if os.geteuid() != 0:
        return ()
    return ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[Path]:
    """A file system of that size at `folder`; only root can mount one."""
    folder.mkdir(exist_ok=True)
    options = f"size={size_bytes},mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "quri-console-test", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
