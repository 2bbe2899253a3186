"""The official JavaScript agent, verifying certificates and query signatures, reads and writes."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from quri_console.ic.encoding import candid
from quri_console.ic.encoding.candid import Types
from quri_console.ic.encoding.principal import Principal
from quri_console.localnet import management_types as types
from quri_console.localnet.faults import Delay, DropAfter, FaultRule, ForgedCertificate, StaleCertificate
from quri_console.localnet.management_methods import METHODS
from quri_console.localnet.messages import Ingress, Reply
from tests.interop.conftest import LAYOUTS, fleet_module
from tests.support.direct import Direct, complete
from tests.support.javascript import JavascriptAgent, step
from tests.support.modules import counter_module
from tests.support.networks import LocalNetwork, local_network

pytestmark = pytest.mark.interop

MODULE = fleet_module("registry")


async def installed(net: LocalNetwork, module: bytes) -> bytes:
    """A canister of the controller with a module."""
    owner = net.controller.principal
    canister = net.network.create_canister(controllers=[owner], cycles=10**13)
    record = {
        "mode": {"install": None},
        "canister_id": Principal(canister),
        "wasm_module": module,
        "arg": candid.encode([], []),
    }
    await Direct(net.network, owner).call("install_code", record)
    return canister


def managing(canister: bytes, method: str, **fields: Any) -> dict[str, Any]:
    """A call of the management canister about a canister."""
    record = {"canister_id": Principal(canister), **fields}
    kind = METHODS[method].argument
    return step("update", canister, method, candid.encode([kind], [complete(kind, record)]), management=True)


def value(result: dict[str, Any], kind: Any) -> Any:
    assert "value" in result, result
    return candid.decode(bytes.fromhex(result["value"]), [kind])[0]


@pytest.fixture
async def net() -> AsyncIterator[LocalNetwork]:
    async with local_network(delegated=True) as running:
        yield running


@pytest.mark.parametrize("fetch_root_key", [False, True])
@pytest.mark.parametrize("layout", sorted(LAYOUTS))
async def test_it_reads_and_writes(layout: str, fetch_root_key: bool) -> None:
    async with local_network(**LAYOUTS[layout]) as net:
        canister = await installed(net, MODULE)
        registering = candid.encode([Types.Nat, Types.Nat64], [25, 7])
        registered, counted, status, full = await JavascriptAgent(net, fetch_root_key).run(
            step("update", canister, "register_many", registering),
            step("query", canister, "entry_count"),
            step("status", canister),
            managing(canister, "canister_status"),
        )
    assert value(registered, Types.Nat) == 25
    assert value(counted, Types.Nat) == 25
    assert status["value"]["controllers"] == [Principal(net.controller.principal).to_str()]
    assert status["value"]["module_hash"] == hashlib.sha256(MODULE).hexdigest()
    assert "register_many" in status["value"]["candid"]
    assert status["value"]["nodes"] == 1
    assert value(full, types.CANISTER_STATUS_RESULT)["status"] == {"running": None}


async def test_a_lost_answer_is_found_by_the_same_request(net: LocalNetwork) -> None:
    canister = await installed(net, counter_module())
    net.faults.add(FaultRule(DropAfter(), route="call"))
    (first,) = await JavascriptAgent(net, options={"retryTimes": 3}).run(step("update", canister, "inc"))
    assert first["value"] == "6500000000000000"


async def test_an_answer_that_takes_its_time_is_polled_for() -> None:
    async with local_network(delegated=True, sync_wait_seconds=0) as net:
        canister = await installed(net, counter_module())
        polls = net.faults.add(FaultRule(Delay(0), route="read_state", count=None))
        answered, refused = await JavascriptAgent(net).run(
            step("update", canister, "inc"), step("update", canister, "refuse")
        )
    assert answered["value"] == "6500000000000000"
    assert "reject" in refused["error"].lower()
    assert polls.matched >= 2


async def test_a_replayed_call_executes_once(net: LocalNetwork) -> None:
    canister = await installed(net, counter_module())
    agent = JavascriptAgent(net, options={"fetch": "twice"})
    first, second, seen = await agent.run(
        step("update", canister, "inc"), step("update", canister, "inc"), step("query", canister, "get")
    )
    assert [first["value"][:2], second["value"][:2], seen["value"][:2]] == ["65", "66", "66"]


async def test_a_wrong_signature_is_refused(net: LocalNetwork) -> None:
    canister = await installed(net, counter_module())
    (refused,) = await JavascriptAgent(net, options={"forge": True}).run(step("update", canister, "inc"))
    assert "400" in refused["error"]
    assert "Invalid signature" in refused["error"]
    answer = await net.network.query(Ingress(b"\x04", canister, "get", b""))
    assert isinstance(answer, Reply)
    assert answer.argument[0] == 100


async def test_a_client_with_a_slow_clock_recovers_by_the_networks_wording(net: LocalNetwork) -> None:
    canister = await installed(net, counter_module())
    watching = net.faults.add(FaultRule(Delay(0), route="read_state", count=None))
    slow = JavascriptAgent(net, options={"secondsBehind": 3600})
    (recovered,) = await slow.run(step("update", canister, "inc"))
    # Refused with `Invalid request expiry`, it asked for the time by read_state and signed anew.
    assert recovered["value"][:2] == "65"
    assert watching.matched > 0


async def test_a_tampered_query_reply_does_not_verify(net: LocalNetwork) -> None:
    canister = await installed(net, MODULE)
    (refused,) = await JavascriptAgent(net, options={"fetch": "flipped reply"}).run(
        step("query", canister, "entry_count")
    )
    assert "Query signature verification failed" in refused["error"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (ForgedCertificate(), "Signature verification failed"),
        (ForgedCertificate(content=True), "Signature verification failed"),
        (StaleCertificate(3600), "more than 5 minutes in the past"),
    ],
)
async def test_what_is_not_certified_now_does_not_verify(net: LocalNetwork, fault: Any, said: str) -> None:
    canister = await installed(net, counter_module())
    net.faults.add(FaultRule(fault, route="call", count=None))
    (refused,) = await JavascriptAgent(net).run(step("update", canister, "inc"))
    assert said in refused["error"]


async def test_the_wrong_root_key_does_not_verify(net: LocalNetwork) -> None:
    canister = await installed(net, counter_module())
    async with local_network() as other:
        options = {"rootKey": other.root_key.hex()}
        (refused,) = await JavascriptAgent(net, options=options).run(step("update", canister, "inc"))
    assert "Signature verification failed" in refused["error"]


class TestSnapshots:
    async def test_an_oversized_slice_is_refused(self, net: LocalNetwork) -> None:
        canister = await installed(net, MODULE)
        (taken,) = await JavascriptAgent(net).run(managing(canister, "take_canister_snapshot"))
        snapshot = value(taken, types.SNAPSHOT)["id"]

        def reading(offset: int, size: int) -> dict[str, Any]:
            kind = {"wasm_memory": {"offset": offset, "size": size}}
            return managing(canister, "read_canister_snapshot_data", snapshot_id=snapshot, kind=kind)

        right, large, beyond = await JavascriptAgent(net).run(
            reading(0, 2_000_000), reading(0, 2_000_001), reading(10**9, 1)
        )
        assert len(value(right, types.READ_SNAPSHOT_DATA_RESULT)["chunk"]) == 2_000_000
        assert "IC0408" in large["error"]
        assert "IC0408" in beyond["error"]

    async def test_a_taken_snapshot_cannot_be_uploaded_to(self, net: LocalNetwork) -> None:
        canister = await installed(net, MODULE)
        (taken,) = await JavascriptAgent(net).run(managing(canister, "take_canister_snapshot"))
        snapshot = value(taken, types.SNAPSHOT)["id"]
        (refused,) = await JavascriptAgent(net).run(
            managing(
                canister,
                "upload_canister_snapshot_data",
                snapshot_id=snapshot,
                kind={"wasm_memory": {"offset": 0}},
                chunk=b"x",
            )
        )
        assert "IC0409" in refused["error"]
