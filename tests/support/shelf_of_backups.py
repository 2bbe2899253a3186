"""A repository with one set of each kind, the same at every time, in the working folder."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from quri_console.backup.browse import open_backup
from quri_console.backup.closer_look import BackupLook, look_at
from quri_console.backup.manifest import ManifestFailure
from quri_console.backup.summaries import RepositorySummary, summarise_repository
from quri_console.clock import utc_datetime
from quri_console.ic.encoding.principal import Principal
from quri_console.repository.marks import put_mark
from quri_console.repository.store import Repository
from tests.support.backups import MadeUpState, repository_in, write_backup
from tests.support.consoles import FLEET
from tests.support.fleets import NOW_NS

# relative, so that no picture names a folder of this machine
PLACE = Path("repository")
_RUNE, _REGISTRY, _BITCOIN, _ = ((name, Principal.from_str(identifier)) for name, identifier in FLEET.items())


def stock() -> None:
    """Write the sets: of the old scripts, imported, pinned and rehearsed, with one missing, and the newest."""
    now = utc_datetime(NOW_NS)
    state = MadeUpState()
    write_backup(PLACE, {_RUNE: state}, at=now - timedelta(days=80), mode="legacy")
    write_backup(PLACE, {_RUNE: state}, at=now - timedelta(days=41), mode="imported")
    kept = write_backup(PLACE, {_RUNE: state, _REGISTRY: state}, at=now - timedelta(days=20))
    missing = ManifestFailure(_BITCOIN[1], _BITCOIN[0], "it did not stop within 1 m")
    write_backup(PLACE, {_REGISTRY: MadeUpState(stable=b"other!!!" * 8192)}, at=_hours(now, 74), failures=(missing,))
    write_backup(PLACE, {_RUNE: MadeUpState(stable=b"changed!" * 8192)}, at=_hours(now, 5))
    backend = repository_in(PLACE, now=now).backend
    put_mark(backend, kept, "verification", NOW_NS, {"ok": True, "scope": "data"})
    put_mark(backend, kept, "pin", NOW_NS, {"reason": "before the upgrade"})


def _hours(now: datetime, hours: int) -> datetime:
    return now - timedelta(hours=hours)


def _opened() -> Repository:
    return repository_in(PLACE, now=utc_datetime(NOW_NS))


def summary() -> RepositorySummary:
    """As `Console.repository_summary`."""
    return summarise_repository(_opened(), Path("cache"))


def look(name: str) -> BackupLook:
    """As `Console.look_into`."""
    return look_at(open_backup(_opened(), name), name.partition("/")[2] or None)
