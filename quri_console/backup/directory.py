"""Writing one backup set: under a hidden name until its manifest is on disk, then renamed into place."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from quri_console.backup.files import (
    make_private_directory,
    replace_atomically,
    storage_errors,
    sync_directory,
)
from quri_console.backup.layout import UNFINISHED_PREFIX, backups_folder, set_name
from quri_console.backup.manifest import MANIFEST_NAME, Manifest, encode_manifest
from quri_console.clock import NANOSECONDS_PER_SECOND, Clock
from quri_console.folders import make_private_folders


class SetWriter:
    """A set that nobody can take for a backup until `commit`."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path

    @classmethod
    async def reserve(cls, root: Path, clock: Clock) -> SetWriter:
        """Reserve the directory named after the present second; whoever comes second in it waits for the next.

        Raises StorageFailed or DiskFull.
        """
        folder = backups_folder(root)
        with storage_errors("make the repository", root):
            await asyncio.to_thread(make_private_folders, folder)
        while True:
            now_ns = clock.now_ns()
            with storage_errors("make a folder for the backup", folder):
                writer = _try_reserve(folder, set_name(now_ns))
            if writer is not None:
                return writer
            await clock.sleep((NANOSECONDS_PER_SECOND - now_ns % NANOSECONDS_PER_SECOND) / NANOSECONDS_PER_SECOND)

    def add_folder(self, name: str) -> Path:
        """A new folder for one canister. Raises StorageFailed or DiskFull."""
        folder = self.path / name
        with storage_errors(f"make a folder for {name}", folder):
            make_private_directory(folder)
        return folder

    def discard_folder(self, name: str) -> None:
        """Remove what was written for one canister."""
        folder = self.path / name
        with storage_errors(f"remove the unfinished copy of {name}", folder):
            if folder.exists():
                shutil.rmtree(folder)

    def commit(self, manifest: Manifest) -> Path:
        """Write the manifest last and give the set its name; the set's directory. Raises StorageFailed or DiskFull."""
        final = self.path.with_name(self.name)
        with storage_errors("write the manifest", self.path):
            replace_atomically(self.path / MANIFEST_NAME, encode_manifest(manifest))
            self.path.rename(final)
            sync_directory(final.parent)
        self.path = final
        return final

    def abandon(self) -> None:
        """Remove everything; for a set of which nothing was captured."""
        with storage_errors("remove the unfinished backup", self.path):
            shutil.rmtree(self.path)


def _try_reserve(folder: Path, name: str) -> SetWriter | None:
    path = folder / f"{UNFINISHED_PREFIX}{name}"
    try:
        make_private_directory(path)
    except FileExistsError:
        return None
    # checked after making ours: another process commits by renaming, so one of the two names is always there
    if (folder / name).exists():
        path.rmdir()
        return None
    return SetWriter(name, path)
