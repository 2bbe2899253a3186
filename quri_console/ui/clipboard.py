"""Copying where there is no clipboard to be seen: the tmux buffer first, then OSC 52, always a file."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from quri_console.folders import make_private_folders

if TYPE_CHECKING:
    from quri_console.ui.app import QuriApp

LARGEST_OSC52_BYTES = 50_000
"""Encoded it is a third more; terminals drop what is larger than about 74 kB."""
TMUX_SECONDS = 1


def copy_text(app: QuriApp, text: str) -> str:
    """Copy a text every way that there is; a sentence about where it went."""
    kept = _into_file(app.console_door.config.paths.state, text)
    if _into_tmux(text):
        return f"Copied to the tmux buffer{kept}."
    if len(text.encode(errors="backslashreplace")) > LARGEST_OSC52_BYTES:
        return f"Too large for the terminal's clipboard{kept}."
    app.copy_to_clipboard(text)
    return f"Sent to the terminal's clipboard (OSC 52), which may not take it{kept}."


def _into_file(folder: Path, text: str) -> str:
    """The end of the sentence: where it lies, or why it does not."""
    path = folder / "copied.txt"
    try:
        make_private_folders(folder)
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        return f"; {path} cannot be written ({error.strerror})"
    return f", and kept in {path}"


def _into_tmux(text: str) -> bool:
    program = shutil.which("tmux")
    if "TMUX" not in os.environ or program is None:
        return False
    try:
        done = subprocess.run(
            [program, "load-buffer", "-w", "-"],
            input=text.encode(errors="backslashreplace"),
            timeout=TMUX_SECONDS,
            check=False,
            capture_output=True,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
