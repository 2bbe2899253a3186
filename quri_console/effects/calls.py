"""The one table of effects: which may be sent anew after a lost reply, and how the state decides about the others."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Resolution(StrEnum):
    """What settles an effect whose reply was lost and whose request has expired."""

    SEND_ANEW = "send anew"
    """Doing it twice leaves the same state, on a canister that this operation keeps stopped or to its own snapshot."""

    NEW_SNAPSHOT = "new snapshot id"
    """Snapshot ids are recorded before: exactly one new id is ours, none means it was not executed, more asks."""


@dataclass(frozen=True, slots=True)
class EffectKind:
    """One kind of effect.

    `keeps_request`: the signed request is written to the journal, so that a later process can ask
    for its outcome or send the same one again. Uploads of data leave it out: 2 MB each, and sending
    them anew is harmless. `must_expire`: nothing else is done before an undecided request can have no
    effect any more, because executing it late would harm: a snapshot too many, or a load after the start.
    """

    name: str
    method: str
    resolution: Resolution
    keeps_request: bool = True
    must_expire: bool = False

    @property
    def repeatable(self) -> bool:
        """Whether a new request may be sent although the old one may have been executed."""
        return self.resolution is Resolution.SEND_ANEW


START = EffectKind("start", "start_canister", Resolution.SEND_ANEW)
STOP = EffectKind("stop", "stop_canister", Resolution.SEND_ANEW)
TAKE_SNAPSHOT = EffectKind("take snapshot", "take_canister_snapshot", Resolution.NEW_SNAPSHOT, must_expire=True)
LOAD_SNAPSHOT = EffectKind("load snapshot", "load_canister_snapshot", Resolution.SEND_ANEW, must_expire=True)
DELETE_SNAPSHOT = EffectKind("delete snapshot", "delete_canister_snapshot", Resolution.SEND_ANEW)
UPLOAD_METADATA = EffectKind(
    "upload metadata", "upload_canister_snapshot_metadata", Resolution.NEW_SNAPSHOT, must_expire=True
)
UPLOAD_SLICE = EffectKind("upload slice", "upload_canister_snapshot_data", Resolution.SEND_ANEW, keeps_request=False)
UPLOAD_CHUNK = EffectKind("upload chunk", "upload_canister_snapshot_data", Resolution.SEND_ANEW, keeps_request=False)

EFFECTS = {
    kind.name: kind
    for kind in (
        START,
        STOP,
        TAKE_SNAPSHOT,
        LOAD_SNAPSHOT,
        DELETE_SNAPSHOT,
        UPLOAD_METADATA,
        UPLOAD_SLICE,
        UPLOAD_CHUNK,
    )
}
