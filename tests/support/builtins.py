"""A canister whose every behaviour a test decides."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from quri_console.localnet.messages import BuiltinCall, Reject, Reply

PUPPET_ID = bytes.fromhex("00000000000000ff0101")


class Puppet:
    """`echo` replies its argument, `refuse` rejects, `wait` answers once `released` is set."""

    controllers: tuple[bytes, ...] = ()
    metadata: Mapping[str, bytes] = {"candid:service": b"service : {}"}

    def __init__(self) -> None:
        self.executed: list[str] = []
        self.released = asyncio.Event()
        self.arrived = asyncio.Event()

    async def update(self, call: BuiltinCall) -> Reply | Reject:
        self.executed.append(call.method)
        if call.method == "refuse":
            return Reject(4, "no", "IC0406")
        if call.method == "wait":
            self.arrived.set()
            await self.released.wait()
        return Reply(call.argument)

    async def query(self, call: BuiltinCall) -> Reply | Reject:
        return Reject(4, "no", "IC0406") if call.method == "refuse" else Reply(call.argument)
