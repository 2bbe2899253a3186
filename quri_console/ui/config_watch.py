"""Notices that the configuration file was changed while the console runs on what it said before."""

from __future__ import annotations

import asyncio
from pathlib import Path

from quri_console.config import load_config
from quri_console.errors import ConfigError

Stamp = tuple[int, int, int]


class ConfigWatch:
    """Looks at one file; the console itself goes on with the configuration that it was opened with."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = _stamp(path)
        self._was_broken = False

    @property
    def changed(self) -> bool:
        """Whether the file is another one than when `judge` last read it."""
        return _stamp(self._path) != self._seen

    async def judge(self) -> tuple[str, bool]:
        """What there is to say about the file as it is now, and whether it is broken."""
        self._seen = _stamp(self._path)
        try:
            await asyncio.to_thread(load_config, self._path)
        except ConfigError as error:
            self._was_broken = True
            parts = (error.what, error.why, error.next_step)
            return (
                "The configuration was changed and cannot be used now; this console goes on with the one before. "
                + ". ".join(part.rstrip(".") for part in parts if part)
                + ".",
                True,
            )
        mended, self._was_broken = self._was_broken, False
        begin = "The configuration can be used again" if mended else "The configuration was changed"
        return f"{begin}. This console goes on with the one before; quit and open it again to use the new one.", False


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size, status.st_ino)
