"""One node that refuses a stop without a signature may lie, and pass the request on to the network later."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from quri_console.effects import stop as stopping
from quri_console.ic.envelope import SignedCall
from quri_console.ic.rejection import Rejected
from quri_console.localnet.canister import RunState
from tests.support.guinea_pig import laboratory


async def test_a_stop_that_a_node_refuses_and_passes_on_later_leaves_the_canister_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "STOP_GRACE_SECONDS", 3.0)
    async with laboratory(tmp_path) as lab:
        canister = await lab.create()
        on_network = lab.net.network.subnet.get(canister.bytes)
        send, later = lab.agent.send, []

        async def pass_on(call: SignedCall) -> None:
            await asyncio.sleep(1)
            await send(call)
            assert on_network.run_state is RunState.STOPPED

        async def lying(call: SignedCall, **options: bool) -> bytes:
            if call.method != "stop_canister":
                return await send(call, **options)
            later.append(asyncio.ensure_future(pass_on(call)))
            raise Rejected("stop", reject_code=5, error_code="IC0207", message="out of cycles", certified=False)

        lab.agent.send = lying  # type: ignore[method-assign]
        with pytest.raises(Rejected):
            await lab.effects.stop_canister(canister, timeout_seconds=0.5)
        await asyncio.gather(*later)
        assert on_network.run_state is RunState.RUNNING
