"""The routes of the interface specification, judged by the project's own certificate verifier."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from quri_console.clock import ManualClock, SystemClock
from quri_console.ic.certificates import (
    Certificate,
    CertificateVerifier,
    check_canister_in_ranges,
    node_keys,
    verify_query_signatures,
)
from quri_console.ic.encoding import cbor
from quri_console.ic.encoding.hash_tree import Absent, Found, Unknown
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.encoding.request_id import request_id
from quri_console.localnet.builtins import CYCLES_LEDGER_ID
from tests.support.builtins import PUPPET_ID, Puppet
from tests.support.clocks import WatchedClock
from tests.support.direct import Direct
from tests.support.modules import counter_module
from tests.support.networks import LocalNetwork, local_network
from tests.support.raw_client import KEY_KINDS, RawClient, delegation, envelope, key_from_pem, principal_of

CALL_VERSIONS = ("v3", "v4")


def certified(net: LocalNetwork, response: httpx.Response, canister: bytes = PUPPET_ID) -> Certificate:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/cbor"
    answer = decoded(response)
    verifier = CertificateVerifier(net.root_key, net.server.clock)
    return verifier.verify_for_canister(answer["certificate"], Principal(canister))


def decoded(response: httpx.Response) -> Any:
    assert response.content.startswith(cbor.SELF_DESCRIBED)
    return cbor.decode(response.content)


async def client_of(net: LocalNetwork) -> RawClient:
    return RawClient(net.url, key_from_pem(net.controller.pem), net.server.clock)


async def test_status_tells_health_and_root_key(served: LocalNetwork, client: RawClient) -> None:
    answer = decoded(await client.http.get(served.url + "/api/v2/status"))
    assert answer["root_key"] == served.root_key
    assert answer["replica_health_status"] == "healthy"


@pytest.mark.parametrize("version", CALL_VERSIONS)
async def test_a_call_is_answered_with_a_certificate(any_layout: LocalNetwork, version: str) -> None:
    async with await client_of(any_layout) as client:
        content = client.call_content(PUPPET_ID, "echo", b"hello")
        response = await client.send(content, version=version)
        certificate = certified(any_layout, response)
        rid = request_id(content)
        assert decoded(response)["status"] == "replied"
        assert certificate.value([b"request_status", rid, b"status"]) == b"replied"
        assert certificate.value([b"request_status", rid, b"reply"]) == b"hello"
        assert certificate.value([b"request_status", rid, b"error_code"]) is None
        assert certificate.delegated == any_layout.server.keys.delegated


async def test_a_reject_is_certified_too(served: LocalNetwork, client: RawClient) -> None:
    content = client.call_content(PUPPET_ID, "refuse")
    certificate = certified(served, await client.send(content))
    status = [b"request_status", request_id(content)]
    assert certificate.value([*status, b"status"]) == b"rejected"
    assert certificate.value([*status, b"reject_code"]) == b"\x04"
    assert certificate.value([*status, b"reject_message"]) == b"no"
    assert certificate.value([*status, b"error_code"]) == b"IC0406"


async def test_v2_answers_202_and_the_status_is_polled(served: LocalNetwork, client: RawClient) -> None:
    content = client.call_content(PUPPET_ID, "echo", b"hello")
    response = await client.send(content, version="v2")
    assert (response.status_code, response.content) == (202, b"")
    rid = request_id(content)
    certificate = certified(served, await client.read_state(PUPPET_ID, [[b"request_status", rid]], version="v2"))
    assert certificate.value([b"request_status", rid, b"reply"]) == b"hello"


async def test_a_call_to_nobody_is_a_non_replicated_rejection(client: RawClient) -> None:
    nobody = bytes.fromhex("80000000001fffff0101")
    answer = decoded(await client.send(client.call_content(nobody, "hello")))
    assert (answer["status"], answer["error_code"]) == ("non_replicated_rejection", "IC0301")
    answer = decoded(await client.send(client.call_content(nobody, "hello"), version="v2"))
    assert "status" not in answer
    assert answer["reject_code"] == 3


async def test_a_request_executes_once_however_often_it_is_sent(
    served: LocalNetwork, client: RawClient, puppet: Puppet
) -> None:
    content = client.call_content(PUPPET_ID, "echo", b"once")
    for version in ("v2", "v3", "v4", "v4"):
        await client.send(content, version=version)
    certified(served, await client.send(content))
    assert puppet.executed == ["echo"]


async def test_a_replay_by_another_route_is_refused(client: RawClient, puppet: Puppet) -> None:
    content = client.call_content(PUPPET_ID, "echo")
    await client.send(content)
    response = await client.send(content, effective=CYCLES_LEDGER_ID)
    assert response.status_code == 400
    assert puppet.executed == ["echo"]


async def test_the_route_must_name_the_canister(client: RawClient, puppet: Puppet) -> None:
    response = await client.send(client.call_content(PUPPET_ID, "echo"), effective=CYCLES_LEDGER_ID)
    assert response.status_code == 400
    assert "does not match effective canister id" in response.text
    assert puppet.executed == []


async def test_a_call_without_an_answer_becomes_202_and_stays_processing(puppet: Puppet) -> None:
    clock = WatchedClock()
    async with local_network(clock=clock) as net, await client_of(net) as client:
        net.network.register_builtin(PUPPET_ID, puppet)
        content = client.call_content(PUPPET_ID, "wait", b"late")
        rid = request_id(content)
        sending = asyncio.create_task(client.send(content))
        await puppet.arrived.wait()
        await clock.slept.wait()
        await clock.advance(10)
        assert (await sending).status_code == 202
        path = [b"request_status", rid]
        certificate = certified(net, await client.read_state(PUPPET_ID, [path]))
        assert certificate.value([*path, b"status"]) == b"processing"
        puppet.released.set()
        assert certified(net, await client.send(content)).value([*path, b"reply"]) == b"late"


async def test_an_answer_is_kept_for_five_minutes_and_never_executed_again(puppet: Puppet) -> None:
    clock = ManualClock()
    async with local_network(clock=clock) as net, await client_of(net) as client:
        net.network.register_builtin(PUPPET_ID, puppet)
        content = client.call_content(PUPPET_ID, "echo", b"x", ahead_seconds=329)
        path = [b"request_status", request_id(content)]
        await client.send(content)
        await clock.advance(300)
        certificate = certified(net, await client.read_state(PUPPET_ID, [path]))
        assert certificate.value([*path, b"reply"]) == b"x"
        await clock.advance(20)
        certificate = certified(net, await client.send(content))
        assert certificate.value([*path, b"status"]) == b"done"
        assert certificate.value([*path, b"reply"]) is None
        assert puppet.executed == ["echo"]
        await clock.advance(600)
        certificate = certified(net, await client.read_state(PUPPET_ID, [path]))
        assert certificate.lookup([*path, b"status"]) == Absent()
        assert (await client.send(content)).text.startswith("Invalid request expiry: ")


class TestQueries:
    async def ask(self, net: LocalNetwork, method: str) -> tuple[Any, Any]:
        async with await client_of(net) as client:
            content = client.content("query", canister_id=PUPPET_ID, method_name=method, arg=b"hello")
            answer = decoded(await client.send(content, version="v3"))
            subnets = certified(net, await client.read_state(PUPPET_ID, [[b"subnet"]]))
        keys = node_keys(subnets, Principal(net.server.subnet_id))
        verify_query_signatures(answer, request_id(content), keys, SystemClock())
        if not net.server.keys.delegated:
            check_canister_in_ranges(subnets.tree, Principal(net.server.subnet_id), Principal(PUPPET_ID))
        return answer, subnets

    async def test_a_reply_is_signed_by_a_node_of_the_subnet(self, any_layout: LocalNetwork) -> None:
        answer, _ = await self.ask(any_layout, "echo")
        assert answer["reply"] == {"arg": b"hello"}

    async def test_a_reject_is_signed_too(self, any_layout: LocalNetwork) -> None:
        answer, _ = await self.ask(any_layout, "refuse")
        assert (answer["status"], answer["reject_code"], answer["error_code"]) == ("rejected", 4, "IC0406")


class TestReadState:
    async def test_time_is_always_there(self, served: LocalNetwork, client: RawClient) -> None:
        certificate = certified(served, await client.read_state(PUPPET_ID, []))
        assert abs(certificate.time_ns - SystemClock().now_ns()) < 60_000_000_000

    async def test_what_was_not_asked_is_pruned(self, served: LocalNetwork, client: RawClient) -> None:
        certificate = certified(served, await client.read_state(PUPPET_ID, [[b"time"]]))
        for label in (b"canister", b"subnet", b"request_status", b"canister_ranges"):
            assert certificate.lookup([label]) == Unknown()

    async def test_controllers_and_module_hash(self, served: LocalNetwork, client: RawClient) -> None:
        canister = served.network.create_canister(controllers=[client.sender], cycles=10**12)
        paths = [[b"canister", canister, name] for name in (b"controllers", b"module_hash")]
        certificate = certified(served, await client.read_state(canister, paths), canister)
        controllers = certificate.lookup(paths[0])
        assert isinstance(controllers, Found)
        assert cbor.decode(controllers.value) == [client.sender]
        assert certificate.lookup(paths[1]) == Absent()

    async def test_a_canister_that_is_not_there_is_provably_absent(
        self, served: LocalNetwork, client: RawClient
    ) -> None:
        nobody = bytes.fromhex("80000000001fffff0101")
        path = [b"canister", nobody, b"controllers"]
        assert certified(served, await client.read_state(nobody, [path]), nobody).lookup(path) == Absent()

    async def test_a_created_canister_shows_at_once(self, served: LocalNetwork, client: RawClient) -> None:
        certified(served, await client.read_state(PUPPET_ID, []))
        canister = served.network.create_canister(controllers=[client.sender], cycles=10**12)
        path = [b"canister", canister, b"controllers"]
        assert isinstance(certified(served, await client.read_state(canister, [path]), canister).lookup(path), Found)

    async def test_public_metadata(self, served: LocalNetwork, client: RawClient) -> None:
        path = [b"canister", PUPPET_ID, b"metadata", b"candid:service"]
        certificate = certified(served, await client.read_state(PUPPET_ID, [path]))
        assert certificate.value(path) == b"service : {}"

    async def test_private_metadata_is_for_controllers(self, served: LocalNetwork, client: RawClient) -> None:
        section = b"\x13icp:private secrets" + b"hidden"
        module = counter_module() + b"\x00" + bytes([len(section)]) + section
        owner = Direct(served.network, client.sender)
        canister = served.network.create_canister(controllers=[client.sender], cycles=10**13)
        record = {"mode": {"install": None}, "canister_id": Principal(canister), "wasm_module": module, "arg": b""}
        await owner.call("install_code", record)
        path = [b"canister", canister, b"metadata", b"secrets"]
        assert certified(served, await client.read_state(canister, [path]), canister).value(path) == b"hidden"
        async with RawClient(served.url) as anonymous:
            assert (await anonymous.read_state(canister, [path])).status_code == 403
            absent = [b"canister", canister, b"metadata", b"nothing"]
            certificate = certified(served, await anonymous.read_state(canister, [absent]), canister)
        assert certificate.lookup(absent) == Absent()

    async def test_subnet_routes_show_ranges_and_key(self, any_layout: LocalNetwork) -> None:
        subnet = any_layout.server.subnet_id
        async with await client_of(any_layout) as client:
            paths = [[b"canister_ranges", subnet], [b"subnet", subnet, b"public_key"]]
            answer = decoded(await client.read_state(subnet, paths, of="subnet"))
        verifier = CertificateVerifier(any_layout.root_key, SystemClock())
        certificate = verifier.verify_for_subnet(answer["certificate"], Principal(subnet))
        assert certificate.value(paths[1]) == any_layout.server.keys.subnet.public_key_der
        check_canister_in_ranges(certificate.tree, Principal(subnet), Principal(PUPPET_ID))

    async def test_only_the_sender_reads_a_status(self, served: LocalNetwork, client: RawClient) -> None:
        content = client.call_content(PUPPET_ID, "echo")
        await client.send(content)
        path = [b"request_status", request_id(content), b"reply"]
        async with RawClient(served.url, KEY_KINDS["p256"]()) as stranger:
            response = await stranger.read_state(PUPPET_ID, [path])
        assert response.status_code == 403
        assert (await client.read_state(CYCLES_LEDGER_ID, [path])).status_code == 403

    async def test_an_unknown_status_is_provably_absent(self, served: LocalNetwork, client: RawClient) -> None:
        path = [b"request_status", bytes(32), b"status"]
        assert certified(served, await client.read_state(PUPPET_ID, [path])).lookup(path) == Absent()

    @pytest.mark.parametrize(
        ("paths", "status"),
        [
            ([[b"request_status", bytes(32)], [b"request_status", b"\1" * 32]], 400),
            ([[b"canister", CYCLES_LEDGER_ID, b"module_hash"]], 400),
            ([[b"canister", PUPPET_ID, b"certified_data"]], 404),
            ([[b"canister", PUPPET_ID]], 404),
            ([[b"canister_ranges", b"subnet"]], 404),
            ([[b"request_status"]], 404),
            ([[b"subnet", b"x", b"metrics"]], 404),
            ([[]], 404),
            ([[b"nonsense"]], 404),
        ],
    )
    async def test_paths_that_nobody_may_read(self, client: RawClient, paths: list[list[bytes]], status: int) -> None:
        response = await client.read_state(PUPPET_ID, paths)
        assert response.status_code == status, response.text


class TestDelegatedSenders:
    async def test_targets_limit_calls_and_statuses(self, served: LocalNetwork, puppet: Puppet) -> None:
        owner, session = KEY_KINDS["secp256k1"](), KEY_KINDS["ed25519"]()
        expiry = SystemClock().now_ns() + 10**12

        async with RawClient(served.url, session) as client:

            async def send(content: dict[str, Any], canister: bytes, target: bytes, kind: str) -> httpx.Response:
                content["sender"] = principal_of(owner)
                signed = {
                    **envelope(content, session),
                    "sender_pubkey": envelope({}, owner)["sender_pubkey"],
                    "sender_delegation": [delegation(owner, session, expiry, targets=[target])],
                }
                path = f"/api/v3/canister/{Principal(canister).to_str()}/{kind}"
                return await client.post(path, cbor.encode(signed))

            refused = await send(client.call_content(PUPPET_ID, "echo"), PUPPET_ID, CYCLES_LEDGER_ID, "call")
            assert refused.status_code == 400
            assert puppet.executed == []
            content = client.call_content(PUPPET_ID, "echo", b"mine")
            certified(served, await send(content, PUPPET_ID, PUPPET_ID, "call"))
            reading = {"paths": [[b"request_status", request_id(content)]]}
            asked = await send(client.content("read_state", **reading), PUPPET_ID, CYCLES_LEDGER_ID, "read_state")
            assert asked.status_code == 403
            certified(served, await send(client.content("read_state", **reading), PUPPET_ID, PUPPET_ID, "read_state"))


async def test_bodies_and_urls_that_are_wrong(client: RawClient) -> None:
    assert (await client.post("/api/v4/canister/aaaaa-ab/call", b"")).status_code == 400
    assert (await client.post("/api/v4/canister/aaaaa-aa/call", b"")).status_code == 400
    assert (await client.post("/api/v4/canister/aaaaa-aa/call", bytes(6 * 1024 * 1024))).status_code == 413
    assert (await client.http.get(client.url + "/api/v9/status")).status_code == 404


async def test_subnet_calls_are_for_admins_only(served: LocalNetwork, client: RawClient) -> None:
    subnet = Principal(served.server.subnet_id).to_str()
    content = client.call_content(b"", "create_canister")
    response = await client.post(f"/api/v4/subnet/{subnet}/call", cbor.encode(envelope(content, client.key)))
    assert decoded(response)["error_code"] == "IC0512"


async def test_latency_delays_every_request() -> None:
    clock = WatchedClock()
    async with local_network(clock=clock, latency_seconds=0.3) as net, RawClient(net.url, clock=clock) as client:
        asking = asyncio.create_task(client.http.get(net.url + "/api/v2/status"))
        await clock.slept.wait()
        await clock.advance(0.29)
        assert not asking.done()
        await clock.advance(0.02)
        assert (await asking).status_code == 200


@pytest.mark.parametrize("effective", [b"", bytes.fromhex("80000000001000000101")])
async def test_a_canister_is_created_by_any_route_of_the_subnet(
    served: LocalNetwork, client: RawClient, effective: bytes
) -> None:
    method = "provisional_create_canister_with_cycles"
    content = client.call_content(b"", method, Direct(served.network).ingress(method, {}).argument)
    certificate = certified(served, await client.send(content, effective=effective), effective)
    assert certificate.value([b"request_status", request_id(content), b"status"]) == b"replied"
