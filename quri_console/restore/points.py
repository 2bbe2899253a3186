"""What a canister can be restored from, newest first: backups, snapshots on chain, and the one that is recommended."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from quri_console.backup.bill import snapshot_bytes
from quri_console.backup.browse import OpenBackup, readable_backups
from quri_console.clock import NANOSECONDS_PER_SECOND, utc_datetime
from quri_console.errors import QuriError
from quri_console.ic.management.types import MAX_SNAPSHOTS
from quri_console.repository.marks import read_marks, standing
from quri_console.restore.bill import Upload, balances, charges_of_restore
from quri_console.restore.durations import durations
from quri_console.restore.sources import SNAPSHOT_PREFIX, upload_of, whole_seconds_ns

if TYPE_CHECKING:
    from datetime import datetime

    from quri_console.backup.manifest import ManifestCanister
    from quri_console.ic.encoding.principal import Principal
    from quri_console.ic.management.types import Snapshot
    from quri_console.repository.store import Repository
    from quri_console.restore.look import Looked

PointKind = Literal["backup", "snapshot"]
REHEARSAL_FAILED = "its rehearsal failed: `quri-console show` says why"
BEFORE_RESTORE = "the state before a restore"
"""The reason of a backup that was taken only to see what a restore would replace."""
MOST_BACKUPS = 20
"""Older ones are in `quri-console list`."""


@dataclass(frozen=True, slots=True)
class PointSummary:
    """One restore point. Times in nanoseconds since 1970, sizes in bytes; None is what nothing tells.

    `cycles` and `seconds` are what a restore from it would cost and take, ≈; texts are untrusted.
    """

    kind: PointKind
    label: str
    source: str
    """What `--from` takes."""
    taken_at_ns: int
    module_hash: bytes | None
    state_bytes: int
    where: str
    mode: str = ""
    verified_at_ns: int | None = None
    damaged: bool = False
    rehearsed_at_ns: int | None = None
    """When a rehearsal of it last passed, unless a later one did not."""
    rehearsal_failed: bool = False
    group: str = ""
    """The consistent group that it is a part of."""
    cycles: int | None = None
    seconds: int | None = None
    lost_seconds: float = 0.0
    fits: bool | None = None
    """Whether the canister can pay for it and has a free slot."""
    replaced: bool = False
    """Whether it holds what a restore replaced, was to replace, or uploaded for itself: never recommended."""
    recommended: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class RestorePoints:
    """All restore points of a canister, newest first, and why the recommended one is."""

    canister: Principal
    name: str
    network: str
    at_ns: int
    points: tuple[PointSummary, ...]
    why: str = ""
    notes: tuple[str, ...] = ()
    """What could not be looked at; untrusted text."""
    looked: bool = True
    """Whether the canister could be looked at."""

    @property
    def recommended(self) -> PointSummary | None:
        """The one to take unless the operator knows better."""
        return next((point for point in self.points if point.recommended), None)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known besides the repository. `root_key_hash` is empty where the network did not tell it."""

    network: str
    now_ns: int
    root_key_hash: bytes = b""
    looked: Looked | None = None
    """The canister as it is; without it snapshots on chain and bills are missing."""
    safety: Mapping[bytes, str] = field(default_factory=dict)
    """Snapshots that are never recommended, and why: they hold what was replaced, or an upload, perhaps not whole."""
    before_restores: frozenset[str] = frozenset()
    """Operations that backed up only what a restore was to replace; their backups are never recommended."""
    notes: tuple[str, ...] = ()


def restore_points(canister: Principal, name: str, repository: Repository | None, known: Known) -> RestorePoints:
    """What a canister can be restored from. Raises StorageFailed."""
    looked, safety = known.looked, known.safety
    sets = () if repository is None else tuple(_held(repository, canister, known))
    backups = tuple(_of_backup(backup, entry, known) for backup, entry in sets)
    notes = {
        entry.snapshot_id: BEFORE_RESTORE
        for backup, entry in sets
        if backup.manifest.operation in known.before_restores
    } | dict(safety)
    snapshots = () if looked is None else tuple(_of_snapshot(s, looked, notes) for s in looked.snapshots)
    found = sorted((*backups, *snapshots), key=lambda point: point.taken_at_ns, reverse=True)
    aged = [replace(p, lost_seconds=max(known.now_ns - p.taken_at_ns, 0) / NANOSECONDS_PER_SECOND) for p in found]
    best, why = recommended(aged)
    points = tuple(replace(point, recommended=point is best) for point in aged)
    return RestorePoints(canister, name, known.network, known.now_ns, points, why, known.notes, looked is not None)


def recommended(points: Collection[PointSummary]) -> tuple[PointSummary | None, str]:
    """The newest that was verified and fits, or a snapshot on chain that is no older; and why. `points`: newest first.

    Nothing is recommended for being new alone: a backup that nobody verified comes after those that somebody did.
    """
    sound = (point for point in points if not (point.damaged or point.rehearsal_failed or point.replaced))
    fitting = [point for point in sound if point.fits is not False]
    chain = next((point for point in fitting if point.kind == "snapshot"), None)
    backups = [point for point in fitting if point.kind == "backup"]
    verified = next((point for point in backups if point.verified_at_ns is not None), None)
    backup = verified or (backups[0] if backups else None)
    if chain is not None and (backup is None or chain.taken_at_ns >= backup.taken_at_ns):
        return chain, "no backup is newer, and nothing has to be uploaded: it takes seconds and hardly costs cycles"
    if backup is None:
        return None, ""
    if verified is not None:
        return backup, "it is the newest whose every byte was verified" + _fits_too(backup)
    return backup, "it is the newest; nobody verified it yet, which the restore does first" + _fits_too(backup)


def _fits_too(point: PointSummary) -> str:
    return ", and the canister can pay for it" if point.fits else ""


def _held(repository: Repository, canister: Principal, known: Known) -> Iterator[tuple[OpenBackup, ManifestCanister]]:
    """The newest sets of this network that hold the canister with its state."""
    count = 0
    for backup in readable_backups(repository):
        if known.root_key_hash and backup.manifest.network.root_key_hash != known.root_key_hash:
            continue
        for entry in backup.manifest.canisters:
            if entry.canister == canister and entry.has_state and count < MOST_BACKUPS:
                count += 1
                yield backup, entry


def _of_backup(backup: OpenBackup, entry: ManifestCanister, known: Known) -> PointSummary:
    looked, replaced = known.looked, backup.manifest.operation in known.before_restores
    marks, unreadable = read_marks(backup.repository.backend, backup.name)
    stands = standing(marks, unreadable, utc_datetime(backup.repository.clock.now_ns()))
    tried = stands.rehearsal_of(entry.canister.to_str())
    failed = tried is not None and tried.verdict == "failed"
    groups = {group.name for group in backup.manifest.groups if group.consistent}
    point = PointSummary(
        kind="backup",
        label=f"{backup.name}/{entry.name}",
        source=backup.name,
        taken_at_ns=whole_seconds_ns(entry.taken_at),
        module_hash=entry.module_hash,
        state_bytes=entry.state_bytes,
        where=backup.repository.backend.location,
        mode=entry.mode,
        verified_at_ns=_ns(stands.verified_at),
        damaged=stands.damaged_at is not None,
        rehearsed_at_ns=_ns(tried.at) if tried is not None and tried.verdict == "passed" else None,
        rehearsal_failed=failed,
        group=entry.group if entry.group in groups else "",
        replaced=replaced,
        note="found damaged"
        if stands.damaged_at is not None
        else REHEARSAL_FAILED
        if failed
        else BEFORE_RESTORE
        if replaced
        else "",
    )
    if looked is None:
        return point
    try:
        upload = upload_of(backup.canister(entry.canister).require_state())
    except QuriError as error:
        return replace(point, damaged=True, fits=False, note=str(error))
    return _weighed(point, looked, upload)


def _ns(moment: datetime | None) -> int | None:
    return None if moment is None else whole_seconds_ns(moment)


def _of_snapshot(snapshot: Snapshot, looked: Looked, replaced: Mapping[bytes, str]) -> PointSummary:
    """`replaced` are notes on snapshots that hold what a restore replaced, or was to replace."""
    point = PointSummary(
        kind="snapshot",
        label=f"{SNAPSHOT_PREFIX}{snapshot.id.hex()}",
        source=f"{SNAPSHOT_PREFIX}{snapshot.id.hex()}",
        taken_at_ns=snapshot.taken_at_ns,
        module_hash=None,
        state_bytes=snapshot.total_size_bytes,
        where="on chain",
        replaced=snapshot.id in replaced,
        note=replaced.get(snapshot.id, ""),
    )
    return _weighed(point, looked, None)


def _weighed(point: PointSummary, looked: Looked, upload: Upload | None) -> PointSummary:
    """With what a restore from it costs now, and whether that can be paid."""
    status = looked.status
    safety = status.module_hash is not None
    charges = charges_of_restore(status, point.state_bytes, upload, safety=safety)
    timing = durations(
        running=status.status == "running",
        seconds_per_call=looked.seconds_per_call,
        upload=upload or Upload((), (), 0),
        moved_bytes=point.state_bytes + snapshot_bytes(status),
    )
    slots = len(looked.snapshots) + safety + (upload is not None) <= MAX_SNAPSHOTS
    paid = not any(balance.frozen for balance in balances(status, charges))
    problem = "" if slots else "no snapshot slot is free for it"
    return replace(
        point,
        cycles=sum(charge.cycles for charge in charges),
        seconds=timing.duration_seconds,
        fits=slots and paid,
        note=point.note or problem or ("" if paid else "the canister would freeze: top it up first"),
    )
