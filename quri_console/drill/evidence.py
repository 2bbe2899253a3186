"""What shows that the operator's machine is well: its keys are taken, its repository gives back every byte."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from quri_console.config import Config
from quri_console.config.model import Duty
from quri_console.drill.sight import Sight
from quri_console.errors import QuriError
from quri_console.ic.identity import load_identity
from quri_console.repository.verification import verify_set
from quri_console.service.repositories import open_repository

_DUTIES: tuple[Duty, ...] = ("operate", "backup")


def principals(config: Config) -> dict[Duty, str]:
    """Whose keys the configuration names, by duty. Raises QuriError where one cannot be used."""
    return {duty: load_identity(config.require_identity(duty).pem).sender.to_str() for duty in _DUTIES}


def keys_problem(config: Config, now: Mapping[str, Sight]) -> str:
    """Why the keys of the configuration do not control every canister; empty when they do."""
    try:
        holders = principals(config)
    except QuriError as error:
        return str(error)
    for duty, holder in holders.items():
        outside = [name for name, sight in now.items() if holder not in sight.controllers]
        if outside:
            return f"the key of the duty {duty} does not control {', '.join(outside)}"
    return ""


class RepositoryEvidence:
    """Reads the newest backup of the machine's repository again, whenever something in it has changed."""

    def __init__(self) -> None:
        self._seen: object = None
        self._problem = ""

    def problem(self, config: Config) -> str:
        """Why not every canister could be restored from the newest backup; empty when each could."""
        seen = _look(config.repository.path)
        if seen != self._seen:
            try:
                self._problem = _read(config)
            except QuriError as error:
                self._problem = f"the repository: {error}"
            # what changed while it was read is read again
            self._seen = seen
        return self._problem


def _look(folder: Path) -> object:
    """What changes whenever packs or backups come, go or are repaired."""
    found = []
    for part in ("packs", "index", "backups"):
        for path in sorted((folder / part).rglob("*")):
            try:
                facts = path.stat()
            except FileNotFoundError:
                continue  # it went while we looked: the next look sees it
            found.append((str(path), facts.st_mtime_ns, facts.st_size))
    return tuple(found)


def _read(config: Config) -> str:
    from quri_console.backup.summaries import list_backups

    repository = open_repository(config)
    backups = [backup for backup in list_backups(repository, None) if backup.forgotten_at is None]
    if not backups:
        return "the repository has no backup"
    newest = max(backups, key=lambda backup: backup.taken_at)
    missing = {item.name for item in config.canisters} - {item.name for item in newest.canisters if item.has_state}
    if newest.damage is not None or missing:
        return f"the newest backup {newest.name} lacks {', '.join(sorted(missing)) or newest.damage}"
    verification = verify_set(repository, newest.name)
    return "" if verification.ok else f"the newest backup {newest.name} is damaged"
