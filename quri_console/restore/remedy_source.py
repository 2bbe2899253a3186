"""What a smaller remedy takes from a backup: its settings, or its module alone, without reading the memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from quri_console.backup.browse import StoredCanister, open_backup
from quri_console.backup.interchange import slices_of
from quri_console.errors import CorruptionError, UsageError
from quri_console.ic.encoding.principal import Principal
from quri_console.image.sections import ModuleFacts, module_facts
from quri_console.repository.sets import manifest_object
from quri_console.repository.store import Repository
from quri_console.restore.plan import Source
from quri_console.restore.sources import find, is_on_chain, repository_at, whole_seconds_ns

PERSISTENCE = "enhanced-orthogonal-persistence"


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A backup's module, read and compared with its hash."""

    recorded: Recorded
    source: Source
    module: bytes
    facts: ModuleFacts

    @property
    def facts_persistent(self) -> bool:
        """Whether the module can take over the heap of another."""
        return self.facts.custom_section(PERSISTENCE) is not None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A canister's records in a set; none of its bytes is read."""

    stored: StoredCanister
    source: Source

    def with_module(self) -> BackedUp:
        """Its module. Raises NoState, CorruptionError, UnusableModule."""
        module = read_module(self.stored)
        return BackedUp(self, self.source, module, module_facts(module))


def open_recorded(
    repository: Repository, canister: Principal, name: str, source: str, root_key_hash: bytes
) -> Recorded:
    """The records of a canister in the set called `source`.

    Raises BackupNotFound, UsageError, CorruptionError; RefusedBySafetyRule for another canister's backup.
    """
    if is_on_chain(source):
        raise UsageError(
            f"{source} is a snapshot on chain, and settings or a module alone come from a backup",
            next_step="Name a backup: `quri-console list` shows what there is.",
        )
    return recorded_in(repository, find(repository, canister, source, root_key_hash=root_key_hash, name=name), canister)


def recorded_in(repository: Repository, set_path: str, canister: Principal) -> Recorded:
    """The records of a canister in the set at a path. Raises UsageError, CorruptionError, RepositoryMissing."""
    opened, name = repository_at(repository, set_path)
    stored = open_backup(opened, name).canister(canister)
    manifest = hashlib.sha256(opened.backend.get(manifest_object(name))).digest()
    size = 0 if stored.state is None else stored.state.metadata.wasm_module_size
    source = Source(
        set_path=set_path,
        label=stored.label,
        taken_at_ns=whole_seconds_ns(stored.taken_at),
        mode=stored.mode,
        module_hash=stored.module_hash,
        manifest_sha256=manifest,
        state_bytes=size,
        sent_bytes=size,
        skipped_bytes=0,
    )
    return Recorded(stored, source)


def read_module(stored: StoredCanister) -> bytes:
    """The module of a stored canister, as it was installed. Raises NoState, CorruptionError."""
    state = stored.require_state()
    module = b"".join(state.read(part) for part in slices_of(state.metadata) if part.blob == "wasm_module")
    if hashlib.sha256(module).digest() != stored.module_hash:
        raise CorruptionError(
            f"The module of {stored.label} does not have the hash that the manifest names",
            next_step="Use another backup.",
        )
    return module
