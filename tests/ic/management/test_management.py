"""Every management method against the local network."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from quri_console.errors import CorruptionError
from quri_console.ic.agent import Agent, Rejected
from quri_console.ic.encoding.candid import Types, decode, encode
from quri_console.ic.encoding.principal import ANONYMOUS, Principal
from quri_console.ic.identity import identity_from_pem
from quri_console.ic.management import change, interface, read
from quri_console.ic.management.types import (
    MAX_SLICE_BYTES,
    EnvironmentVariable,
    Global,
    SettingsChange,
    SnapshotBlob,
    SnapshotMetadata,
    Visibility,
)
from quri_console.localnet.small_canister import small_module
from tests.support.networks import LocalNetwork, local_network

ANY_ID = Principal(bytes.fromhex("80000000001000000101"))
EMPTY = encode([], [])
BLOBS: tuple[SnapshotBlob, ...] = ("wasm_module", "wasm_memory", "stable_memory")


@dataclass(frozen=True)
class Hosted:
    """A canister with code, and its controller's agent."""

    net: LocalNetwork
    agent: Agent
    id: Principal

    async def count(self) -> int:
        reply = await self.agent.update(self.id, "count", EMPTY)
        [number] = decode(reply)
        assert isinstance(number, int)
        return number


@asynccontextmanager
async def hosted() -> AsyncIterator[Hosted]:
    async with (
        local_network() as net,
        Agent(net.url, root_key=net.root_key, identity=identity_from_pem(net.controller.pem)) as agent,
    ):
        canister = await change.perform(agent, change.provisional_create_canister_with_cycles(ANY_ID))
        await change.perform(agent, change.install_code(canister, "install", small_module()))
        yield Hosted(net, agent, canister)


async def test_start_stop_and_delete() -> None:
    async with hosted() as on:
        await change.perform(on.agent, change.stop_canister(on.id))
        assert (await read.canister_status(on.agent, on.id)).status == "stopped"
        await change.perform(on.agent, change.start_canister(on.id))
        assert (await read.canister_status(on.agent, on.id, form="query")).status == "running"
        with pytest.raises(Rejected) as caught:
            await change.perform(on.agent, change.delete_canister(on.id))
        assert caught.value.error_code == "IC0510"
        await change.perform(on.agent, change.stop_canister(on.id))
        await change.perform(on.agent, change.delete_canister(on.id))
        with pytest.raises(Rejected) as caught:
            await read.canister_status(on.agent, on.id)
        assert caught.value.error_code == "IC0301"


async def test_every_setting_can_be_changed_and_is_read_back() -> None:
    viewers = Visibility("allowed_viewers", (ANONYMOUS,))
    wanted = SettingsChange(
        compute_allocation=1,
        memory_allocation=1 << 30,
        freezing_threshold=86_400,
        reserved_cycles_limit=10**12,
        minimum_incoming_canister_call_cycles=5,
        log_visibility=viewers,
        log_memory_limit=8192,
        snapshot_visibility=Visibility("public"),
        status_visibility=viewers,
        wasm_memory_limit=1 << 31,
        wasm_memory_threshold=1 << 20,
        environment_variables=(EnvironmentVariable("NAME", "wärts"),),
    )
    async with hosted() as on:
        controllers = (on.agent.identity.sender, ANONYMOUS)
        await change.perform(on.agent, change.update_settings(on.id, replace(wanted, controllers=controllers)))
        settings = (await read.canister_status(on.agent, on.id)).settings
        assert set(settings.controllers) == set(controllers)
        for name in SettingsChange.__dataclass_fields__:
            if name != "controllers":
                assert getattr(settings, name) == getattr(wanted, name), name
        await change.perform(on.agent, change.update_settings(on.id, SettingsChange(compute_allocation=0)))
        later = (await read.canister_status(on.agent, on.id)).settings
        assert later == replace(settings, compute_allocation=0)


async def test_code_is_installed_upgraded_reinstalled_and_removed() -> None:
    async with hosted() as on:
        assert [await on.count(), await on.count()] == [1, 2]
        await change.perform(on.agent, change.install_code(on.id, "upgrade", small_module()))
        await change.perform(on.agent, change.install_code(on.id, "reinstall", small_module(), EMPTY))
        assert await on.count() == 1
        status = await read.canister_status(on.agent, on.id)
        assert status.module_hash == hashlib.sha256(small_module()).digest()
        await change.perform(on.agent, change.uninstall_code(on.id))
        assert (await read.canister_status(on.agent, on.id)).module_hash is None


async def test_code_is_installed_from_chunks() -> None:
    module = small_module()
    async with hosted() as on:
        await change.perform(on.agent, change.uninstall_code(on.id))
        hashes = [
            await change.perform(on.agent, change.upload_chunk(on.id, part)) for part in (module[:100], module[100:])
        ]
        assert hashes == [hashlib.sha256(module[:100]).digest(), hashlib.sha256(module[100:]).digest()]
        assert set(await read.stored_chunks(on.agent, on.id)) == set(hashes)
        call = change.install_chunked_code(on.id, "install", hashes, hashlib.sha256(module).digest())
        await change.perform(on.agent, call)
        assert await on.count() == 1
        await change.perform(on.agent, change.clear_chunk_store(on.id))
        assert await read.stored_chunks(on.agent, on.id) == ()


async def test_cycles_can_be_made_on_a_development_network() -> None:
    async with hosted() as on:
        before = (await read.canister_status(on.agent, on.id)).cycles
        await change.perform(on.agent, change.provisional_top_up_canister(on.id, 10**13))
        assert (await read.canister_status(on.agent, on.id)).cycles - before > 10**13 - 10**9
        chosen = Principal.from_str("rrkah-fqaaa-aaaaa-aaaaq-cai")
        made = await change.perform(
            on.agent,
            change.provisional_create_canister_with_cycles(
                ANY_ID, amount=10**12, settings=SettingsChange(freezing_threshold=1), specified_id=chosen
            ),
        )
        assert made == chosen
        status = await read.canister_status(on.agent, made)
        assert (status.settings.freezing_threshold, status.cycles <= 10**12) == (1, True)


async def test_consumption_is_told_by_cause() -> None:
    async with hosted() as on:
        await on.count()
        for form in ("update", "query"):
            consumed = await read.canister_metrics(on.agent, on.id, form=form)  # type: ignore[arg-type]
            assert consumed.instructions is not None
            assert consumed.instructions > 0


async def _download(on: Hosted, snapshot: bytes, blob: SnapshotBlob, size: int) -> bytes:
    parts = [
        bytes(await read.read_snapshot_slice(on.agent, on.id, snapshot, blob, at, min(30_000, size - at)))
        for at in range(0, size, 30_000)
    ]
    return b"".join(parts)


def _sizes(metadata: SnapshotMetadata) -> dict[SnapshotBlob, int]:
    return {
        "wasm_module": metadata.wasm_module_size,
        "wasm_memory": metadata.wasm_memory_size,
        "stable_memory": metadata.stable_memory_size,
    }


async def test_a_snapshot_goes_out_and_in_again_and_brings_the_state_back() -> None:
    async with hosted() as on:
        await on.count()
        await change.perform(on.agent, change.upload_chunk(on.id, b"a chunk"))
        await change.perform(on.agent, change.stop_canister(on.id))
        taken = await change.perform(on.agent, change.take_canister_snapshot(on.id))
        assert await read.list_canister_snapshots(on.agent, on.id) == (taken,)
        metadata = await read.read_snapshot_metadata(on.agent, on.id, taken.id)
        assert metadata.source == "taken_from_canister"
        assert Global("i64", 1) in metadata.globals
        blobs = {blob: await _download(on, taken.id, blob, size) for blob, size in _sizes(metadata).items()}
        assert blobs["wasm_module"] == small_module()
        [digest] = metadata.wasm_chunk_store
        assert await read.read_snapshot_chunk(on.agent, on.id, taken.id, digest) == b"a chunk"

        await change.perform(on.agent, change.start_canister(on.id))
        assert await on.count() == 2
        uploaded = await change.perform(on.agent, change.upload_snapshot_metadata(on.id, metadata))
        for blob, data in blobs.items():
            for at in range(0, len(data), 50_000):
                part = memoryview(data)[at : at + 50_000]
                await change.perform(on.agent, change.upload_snapshot_slice(on.id, uploaded, blob, at, part))
        await change.perform(on.agent, change.upload_snapshot_chunk(on.id, uploaded, b"a chunk"))
        copied = await read.read_snapshot_metadata(on.agent, on.id, uploaded)
        same = {"source": metadata.source, "taken_at_ns": metadata.taken_at_ns}
        assert replace(copied, **same, canister_version=metadata.canister_version) == metadata  # type: ignore[arg-type]

        await change.perform(on.agent, change.stop_canister(on.id))
        await change.perform(on.agent, change.load_canister_snapshot(on.id, uploaded))
        await change.perform(on.agent, change.start_canister(on.id))
        assert await on.count() == 2
        newer = await change.perform(on.agent, change.take_canister_snapshot(on.id, replace=uploaded))
        await change.perform(on.agent, change.delete_canister_snapshot(on.id, taken.id))
        assert await read.list_canister_snapshots(on.agent, on.id) == (newer,)


async def test_slices_are_read_side_by_side() -> None:
    async with hosted() as on:
        taken = await change.perform(on.agent, change.take_canister_snapshot(on.id))
        slices = await asyncio.gather(
            *(
                read.read_snapshot_slice(on.agent, on.id, taken.id, "wasm_memory", at, 1024)
                for at in range(0, 65536, 1024)
            )
        )
        whole = await read.read_snapshot_slice(on.agent, on.id, taken.id, "wasm_memory", 0, 65536)
        assert b"".join(slices) == whole


async def test_slices_have_limits_here_and_there() -> None:
    async with hosted() as on:
        taken = await change.perform(on.agent, change.take_canister_snapshot(on.id))
        for size in (0, -1, MAX_SLICE_BYTES + 1):
            with pytest.raises(ValueError, match="a slice has"):
                await read.read_snapshot_slice(on.agent, on.id, taken.id, "wasm_memory", 0, size)
        with pytest.raises(Rejected) as caught:
            await read.read_snapshot_slice(on.agent, on.id, taken.id, "wasm_memory", 65_000, 1000)
        assert caught.value.error_code == "IC0408"
        with pytest.raises(Rejected) as caught:
            await change.perform(on.agent, change.upload_snapshot_slice(on.id, taken.id, "wasm_memory", 0, b"x"))
        assert caught.value.error_code == "IC0409"


async def test_logs_are_read_by_query() -> None:
    async with hosted() as on:
        assert await read.fetch_canister_logs(on.agent, on.id) == ()
        assert await read.fetch_canister_logs(on.agent, on.id, from_index=3) == ()


@pytest.mark.parametrize("kind", [*BLOBS, "wasm_chunk"])
@pytest.mark.parametrize("size", [1, 127, 128, 70_000])
def test_an_upload_is_what_the_library_would_encode(kind: str, size: int) -> None:
    data = bytes(size)
    case = {"wasm_chunk": None} if kind == "wasm_chunk" else {kind: {"offset": 1 << 33}}
    argument = {"canister_id": ANY_ID, "snapshot_id": b"\x01\x02", "kind": case, "chunk": data}
    if kind == "wasm_chunk":
        call = change.upload_snapshot_chunk(ANY_ID, b"\x01\x02", data)
    else:
        call = change.upload_snapshot_slice(ANY_ID, b"\x01\x02", kind, 1 << 33, memoryview(data))  # type: ignore[arg-type]
    assert call.argument == encode([interface.UPLOAD_SNAPSHOT_DATA], [argument])


@pytest.mark.parametrize("size", [0, MAX_SLICE_BYTES + 1])
def test_an_upload_of_a_wrong_size_is_refused_before_it_is_sent(size: int) -> None:
    with pytest.raises(ValueError, match="a slice has"):
        change.upload_snapshot_slice(ANY_ID, b"", "wasm_memory", 0, bytes(size))
    with pytest.raises(ValueError, match="a chunk has"):
        change.upload_snapshot_chunk(ANY_ID, b"", bytes(size))


def test_a_snapshot_with_an_unknown_global_is_not_uploaded() -> None:
    metadata = SnapshotMetadata(None, 0, 1, (Global("i32", 1), None), 0, 0, (), 0, b"")
    with pytest.raises(change.UnknownGlobal, match="Global 1"):
        change.upload_snapshot_metadata(ANY_ID, metadata)


@pytest.mark.parametrize(("timer", "encoded"), [(None, []), ("inactive", [{"inactive": None}]), (7, [{"active": 7}])])
def test_globals_timer_and_hook_are_uploaded_as_they_are(timer: object, encoded: object) -> None:
    globals_ = (
        Global("i32", -(2**31)),
        Global("i64", 2**63 - 1),
        Global("f32", float("inf")),
        Global("f64", -0.0),
        Global("v128", 2**127),
    )
    metadata = SnapshotMetadata(
        None,
        0,
        1,
        globals_,
        65536,
        0,
        (),
        0,
        b"\x01",
        timer,
        "executed",  # type: ignore[arg-type]
    )
    call = change.upload_snapshot_metadata(ANY_ID, metadata, replace=b"old")
    [argument] = decode(call.argument, [interface.UPLOAD_SNAPSHOT_METADATA])
    assert argument["globals"] == [{item.kind: item.value} for item in globals_]
    assert argument["global_timer"] == encoded
    assert argument["on_low_wasm_memory_hook_status"] == [{"executed": None}]
    assert (argument["replace_snapshot"], argument["certified_data"]) == ([b"old"], b"\x01")


async def test_another_number_of_bytes_than_asked_for_is_corruption() -> None:
    class ShortAgent:
        """Answers every read with three certified bytes, as no honest subnet does."""

        async def update(self, *_: object, **__: object) -> bytes:
            return encode([Types.Record({"chunk": interface.BLOB})], [{"chunk": b"abc"}])

    with pytest.raises(CorruptionError):
        await read.read_snapshot_slice(ShortAgent(), ANY_ID, b"", "wasm_memory", 0, 4)  # type: ignore[arg-type]
    with pytest.raises(CorruptionError):
        await read.read_snapshot_chunk(ShortAgent(), ANY_ID, b"", bytes(32))  # type: ignore[arg-type]
