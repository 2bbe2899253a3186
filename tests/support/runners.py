"""Runner processes of operations, found from outside as an accident would."""

from __future__ import annotations

import os
import signal
from pathlib import Path


def kill_runner(directory: Path) -> None:
    """SIGKILL to the process that works on the operation in `directory`, and to no other."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(directory).encode() in arguments:
                os.kill(int(entry.name), signal.SIGKILL)
