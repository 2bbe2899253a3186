"""Mode `metadata`: what can be seen of a canister without its state, and with whatever rights there are."""

from __future__ import annotations

import asyncio

from quri_console.backup.canister_records import put_extras, put_status, warnings_of
from quri_console.backup.extras import read_extras
from quri_console.backup.manifest import ManifestCanister
from quri_console.backup.plan import read_status
from quri_console.backup.target import BackupTarget
from quri_console.clock import Clock, utc_datetime
from quri_console.errors import NotAuthorised
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import CanisterStatus
from quri_console.ic.public import public_information, subnet_id_of
from quri_console.ic.rejection import Rejected
from quri_console.repository.set_writer import SetWriter


async def keep_what_is_seen(
    agent: Agent, target: BackupTarget, writer: SetWriter, folder: str, *, proxy: Principal | None, clock: Clock
) -> ManifestCanister:
    """Store status (where the identity may see it) and extras. Raises NetworkError, CanisterNotFound, StorageFailed."""
    status: CanisterStatus | None = None
    try:
        status = await read_status(agent, target)
        module = status.module_hash
    except (NotAuthorised, Rejected):
        module = (await public_information(agent, target.canister)).module_hash
    extras = await read_extras(agent, target.canister, proxy=proxy, export_method=target.export_method, clock=clock)
    if status is not None:
        await asyncio.to_thread(put_status, writer, folder, target, status, clock)
    await asyncio.to_thread(put_extras, writer, folder, extras)
    cycles = status.cycles if status is not None else 0
    return ManifestCanister(
        canister=target.canister,
        name=target.name,
        folder=folder,
        subnet=await subnet_id_of(agent, target.canister),
        taken_at=utc_datetime(clock.now_ns()),
        mode="metadata",
        status_before=status.status if status is not None else "unknown",
        snapshot_id=b"",
        module_hash=module or b"",
        state_bytes=0,
        cycles_before=cycles,
        cycles_after=cycles,
        warnings=warnings_of("metadata", extras, None),
    )
