"""Commands run in a terminal of their own, with answers typed when they ask."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path


def typed(arguments: list[str | Path], answers: list[tuple[str, str]]) -> tuple[int, str]:
    """Exit code of `quri-console ARGUMENTS`, and what its terminal showed; each answer is typed after its question."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "quri_console", *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,  # away from the terminal of whoever runs the tests, which would be asked otherwise
        env={**os.environ, "NO_COLOR": "1"},
    )
    os.close(theirs)
    shown, read_from = "", 0
    waiting = list(answers)
    while True:
        try:
            data = os.read(ours, 4096)
        except OSError:  # Linux says so when the last of them has closed it
            data = b""
        if not data:
            break
        shown += data.decode()
        while waiting and (found := shown.find(waiting[0][0], read_from)) >= 0:
            question, answer = waiting.pop(0)
            read_from = found + len(question)
            os.write(ours, f"{answer}\n".encode())
    os.close(ours)
    assert not waiting, f"never asked: {waiting[0][0]}"
    return process.wait(), shown.replace("\r\n", "\n")
