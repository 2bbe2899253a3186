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

    READ_BACK = "settings read back"
    """The settings in force are those that were sent, or it was not executed."""

    MODULE_HASH = "module hash"
    """The module is the one that was sent; where it was so before, only the request's own status tells."""

    DUPLICATE = "the ledger's Duplicate"
    """The same `created_at_time` is sent again: the ledger moves cycles for it once and names the first time."""


@dataclass(frozen=True, slots=True)
class EffectKind:
    """One kind of effect.

    `keeps_request`: the signed request is written to the journal, so that a later process can ask
    for its outcome or send the same one again. Uploads of data and modules leave it out: 2 MB each.
    Sending data anew is harmless; of a module the part that asks for its outcome is kept.
    `must_expire`: nothing else is done before an undecided request can have no effect any more, because
    executing it late would harm: a snapshot too many, or a load after the start.
    """

    name: str
    method: str
    resolution: Resolution
    keeps_request: bool = True
    must_expire: bool = False

    @property
    def repeatable(self) -> bool:
        """Whether a new request may be sent although the old one may have been executed."""
        return self.resolution in (Resolution.SEND_ANEW, Resolution.DUPLICATE)


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
UPDATE_SETTINGS = EffectKind("update settings", "update_settings", Resolution.READ_BACK, must_expire=True)
INSTALL_CODE = EffectKind("upgrade", "install_code", Resolution.MODULE_HASH, keeps_request=False, must_expire=True)
INSTALL_CHUNKS = EffectKind("upgrade from chunks", "install_chunked_code", Resolution.MODULE_HASH, must_expire=True)
STORE_CHUNK = EffectKind("store chunk", "upload_chunk", Resolution.SEND_ANEW, keeps_request=False)
CLEAR_CHUNKS = EffectKind("clear chunk store", "clear_chunk_store", Resolution.SEND_ANEW)
WITHDRAW = EffectKind("top up", "withdraw", Resolution.DUPLICATE)
CREATE_CANISTER = EffectKind("create canister", "create_canister", Resolution.DUPLICATE)

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
        UPDATE_SETTINGS,
        INSTALL_CODE,
        INSTALL_CHUNKS,
        STORE_CHUNK,
        CLEAR_CHUNKS,
        WITHDRAW,
        CREATE_CANISTER,
    )
}
