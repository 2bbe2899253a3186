"""What a runner works with: the operation, its network, the gate, the locks, the repository."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from quri_console.config import Config, NetworkConfig
from quri_console.effects.gate import Intention, OperationKind, admit, require_reason
from quri_console.effects.journal import Record
from quri_console.effects.lock import operate_lock
from quri_console.effects.lockdown import require_no_lockdown
from quri_console.effects.perform import Effects
from quri_console.effects.replay import ADMITTED, left_stopped
from quri_console.effects.runner import ABORT, BRING_BACK, Running
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.repository.errors import RepositoryMissing
from quri_console.repository.local import LocalBackend
from quri_console.repository.store import Repository, create_repository
from quri_console.service.operations import locks_folder, reason_rule
from quri_console.service.repositories import open_repository


def admitted_on(records: Iterable[Record]) -> bytes:
    """SHA-256 of the root key of the network that an operation was let through to; empty before it was."""
    return next((bytes.fromhex(r.fields["root_key_sha256"]) for r in records if r.event == ADMITTED), b"")


@dataclass(frozen=True, slots=True)
class Bench:
    """What every kind of work needs."""

    running: Running
    config: Config
    network: NetworkConfig
    agent: Agent

    def effects(
        self,
        kind: OperationKind,
        *,
        canister: str = "",
        shown: str = "",
        root_key_hash: bytes = b"",
        names: Mapping[str, str] | None = None,
    ) -> Effects:
        """The effects of this operation, once the gate has let it through; `names` of canisters by their ids."""
        request = self.running.request
        if not self._admitted_before:
            require_reason(kind, self.network.name, reason_rule(self.network), request.reason)
        permit = admit(
            Intention(
                kind=kind,
                network=self.network.name,
                # one that only starts what it stopped was judged when it began, whatever the network is called by now
                production=self.network.production and not self.running.files.asked(BRING_BACK),
                read_only=False,
                canister=canister,
                confirmation=request.confirmation,
                force=request.force,
                planned_hash=request.plan_hash,
                present_hash=shown,
                # a resumed operation belongs to the network that it began on, whatever its URL leads to by now
                planned_root_key_hash=root_key_hash or admitted_on(self.running.journal.records),
                state_folder=self.config.paths.state,
                bringing_back=self._brings_back,
            ),
            self.agent.root_key,
        )
        self.running.journal.append(
            ADMITTED, operation=request.id, kind=kind, network=self.network.name,
            root_key_sha256=permit.root_key_hash.hex(), plan_hash=request.plan_hash, reason=request.reason,
            principal=self.agent.identity.sender.to_str(),
        )  # fmt: skip
        return Effects(
            self.agent,
            self.running.journal,
            permit,
            clock=self.running.clock,
            checkpoint=self.checkpoint,
            names={**{item.id: item.name for item in self.config.canisters}, **(names or {})},
        )

    def bringing_back_effects(self) -> Effects:
        """The effects of an operation that was let through before, for giving its canisters back.

        What was typed for it was judged then; that it is the same network is judged anew.
        """
        request = self.running.request
        confirmed = request.confirmation.partition("/")[2]
        return self.effects(cast("OperationKind", request.kind), canister=confirmed, shown=request.plan_hash)

    def checkpoint(self) -> None:
        """Raise Cancelled when the operator asked to abort, InLockdown while lockdown is on."""
        self.running.checkpoint()
        require_no_lockdown(self.config.paths.state, self.running.request.kind)

    @property
    def _admitted_before(self) -> bool:
        return any(record.event == ADMITTED for record in self.running.journal.records)

    @property
    def _brings_back(self) -> bool:
        """Whether it must get as far as giving canisters back, lockdown or not; its checkpoints end it after that."""
        files = self.running.files
        asked = files.asked(ABORT) or files.asked(BRING_BACK)
        return self._admitted_before and (asked or bool(left_stopped(self.running.journal.records)))

    def repository(self, *, create: bool = False) -> Repository:
        """The configured repository; made in the clear when `create` and there is none. Raises as opening does."""
        passphrase = self.running.key.repository_passphrase
        ask = None if passphrase is None else lambda: passphrase
        try:
            return open_repository(self.config, self.running.clock, ask_passphrase=ask)
        except RepositoryMissing:
            if not create:
                raise
        create_repository(LocalBackend(self.config.repository.path), clock=self.running.clock)
        return open_repository(self.config, self.running.clock)

    @contextlib.contextmanager
    def locked(self, *canisters: Principal) -> Iterator[None]:
        """Hold the canisters for this operation, in an order that cannot deadlock."""
        root_key_hash = hashlib.sha256(self.agent.root_key).digest()
        with contextlib.ExitStack() as stack:
            for canister in sorted(canister.to_str() for canister in canisters):
                lock = operate_lock(locks_folder(self.config), root_key_hash, canister, self.running.request.id)
                stack.enter_context(lock)
            yield
