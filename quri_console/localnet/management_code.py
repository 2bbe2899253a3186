"""Installing, reinstalling and upgrading code (spec: install_code)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quri_console.localnet import execution, words
from quri_console.localnet.canister import Canister
from quri_console.localnet.execution import CanisterEnvironment
from quri_console.localnet.executor import charge_execution
from quri_console.localnet.management import EMPTY_REPLY, Invocation
from quri_console.localnet.management_chunks import assembled_module
from quri_console.localnet.messages import Reply
from quri_console.localnet.settings import principal_bytes
from quri_console.wasm.errors import InvalidModule
from quri_console.wasm.instance import CanisterInstance
from quri_console.wasm.messages import Call, Outcome

# Modules that carry this section keep their heap over upgrades (Motoko).
PERSISTENCE_SECTION = "enhanced-orthogonal-persistence"


@dataclass(frozen=True, slots=True)
class Installation:
    """What is to be installed, and how."""

    mode: str
    options: Mapping[str, Any]
    module: bytes
    argument: bytes

    @classmethod
    def of(cls, record: Mapping[str, Any], module: bytes) -> Installation:
        mode, options = next(iter(record["mode"].items()))
        return cls(mode, options[0] if options else {}, module, record["arg"])

    def option(self, name: str) -> Any:
        """An upgrade option, None where it was not given."""
        given = self.options.get(name) or []
        return given[0] if given else None


async def install_code(call: Invocation) -> Reply:
    """install_code: the whole module in one message."""
    await _install(call, call.canister_id, Installation.of(call.record, call.record["wasm_module"]))
    return EMPTY_REPLY


async def install_chunked_code(call: Invocation) -> Reply:
    """install_chunked_code: the module is put together from the chunk store of the target or another canister."""
    target = call.subnet.get(principal_bytes(call.record["target_canister"]))
    store = target
    if call.record["store_canister"]:
        store = call.subnet.get(principal_bytes(call.record["store_canister"][0]))
    if call.sender not in {*store.settings.controllers, store.id}:
        raise words.not_controller(store.id, store.settings.controllers, call.sender)
    hashes = [entry["hash"] for entry in call.record["chunk_hashes_list"]]
    module = assembled_module(store.chunk_store, hashes, call.record["wasm_module_hash"])
    await _install(call, target.id, Installation.of(call.record, module))
    return EMPTY_REPLY


async def _install(call: Invocation, target: bytes, wanted: Installation) -> None:
    async with call.locked_canister(target) as canister:
        if wanted.mode == "install" and canister.instance is not None:
            raise words.not_empty(canister.id)
        canister.message_time_ns = call.subnet.clock.now_ns()
        try:
            if wanted.mode == "upgrade":
                code, outcome = await _upgraded(call, canister, wanted)
            else:
                code, outcome = await call.subnet.run(canister, lambda: _created(call, canister, wanted), is_long=True)
        except InvalidModule as error:
            raise words.invalid_module(canister.id, error) from error
        if wanted.mode == "reinstall":
            canister.log.clear()
        charge_execution(call.subnet, canister, outcome)
        if outcome.trap is not None:
            raise execution.rejection(canister, outcome.trap)
        module_hash = hashlib.sha256(wanted.module).digest()
        canister.install(code, wanted.module, module_hash, call.subnet.clock.now_ns())
        canister.version += 1
        call.subnet.state_version += 1
        details = {"code_deployment": {"mode": {wanted.mode: None}, "module_hash": module_hash}}
        canister.record_change(call.subnet.clock.now_ns(), call.origin, details)
    call.executor.timers.arm(canister)


def _created(call: Invocation, canister: Canister, wanted: Installation) -> tuple[CanisterInstance, Outcome]:
    environment = CanisterEnvironment(call.subnet, canister)
    code = CanisterInstance.create(wanted.module, canister_id=canister.id, environment=environment)
    version = canister.version + 1
    init = Call("init", argument=wanted.argument, caller=call.sender, needs_reply=False, canister_version=version)
    return code, code.execute(init)


async def _upgraded(call: Invocation, canister: Canister, wanted: Installation) -> tuple[CanisterInstance, Outcome]:
    code = canister.instance
    if code is None:
        raise words.no_module(canister.id)
    keep_heap = _keeps_heap(code, wanted)

    def upgrade() -> Outcome:
        return code.upgrade(
            wanted.module,
            caller=call.sender,
            argument=wanted.argument,
            keep_heap=keep_heap,
            skip_pre_upgrade=bool(wanted.option("skip_pre_upgrade")),
            new_version=canister.version + 1,
        )

    return code, await call.subnet.run(canister, upgrade, is_long=True)


def _keeps_heap(code: CanisterInstance, wanted: Installation) -> bool:
    """Raise IC0504 where a module that keeps its heap is upgraded without saying what shall happen to it."""
    persistence = wanted.option("wasm_memory_persistence")
    if persistence is None and PERSISTENCE_SECTION in code.metadata:
        raise words.missing_persistence_option()
    return persistence is not None and "keep" in persistence
