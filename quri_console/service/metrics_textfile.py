"""The metrics as a file for node_exporter's textfile collector."""

from __future__ import annotations

import os
from pathlib import Path

from quri_console.errors import QuriError

READABLE_BY_ALL = 0o644
"""The collector runs as another user."""


class MetricsFileFailed(QuriError):
    """The text file of metrics could not be written; the file that was there is as it was."""


def write_metrics_textfile(path: Path, text: str, *, mode: int = READABLE_BY_ALL) -> None:
    """Make `path` hold `text` with that mode, so that a reader sees the old text or the new one, never a part.

    Raises MetricsFileFailed. It blocks, so an event loop calls it in a thread.
    """
    # the collector reads *.prom only; the process id keeps two watches from sharing a half-written file
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        try:
            _write_new(temporary, text.encode(), mode)
            # no fsync: after a power cut the next round writes it again, and a missing metric is noticed
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise MetricsFileFailed(
            f"Could not write the metrics to {path}",
            why=error.strerror or str(error),
            next_step="Check that the folder exists, has room and may be written by this user, "
            "or set another textfile under [monitor.metrics].",
        ) from error


def _write_new(path: Path, data: bytes, mode: int) -> None:
    path.unlink(missing_ok=True)  # left by a process of the same id that was killed
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, 0o600), "wb") as file:  # noqa: PTH123 - a descriptor, not a path
        file.write(data)
        file.flush()
        os.fchmod(file.fileno(), mode)  # whatever the umask says
