"""What anyone may read of a canister."""

from __future__ import annotations

import hashlib

import pytest

from quri_console.errors import ExitCode
from quri_console.ic import public
from quri_console.ic.agent import Agent
from quri_console.ic.delivery import UnexpectedAnswer
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.identity import identity_from_pem
from quri_console.ic.management import change
from quri_console.localnet.small_canister import small_module
from tests.support.networks import local_network

ANY_ID = Principal(bytes.fromhex("80000000001000000101"))
MISSING = Principal(bytes.fromhex("8000000000100fff0101"))


@pytest.mark.parametrize("delegated", [False, True], ids=["root", "delegated"])
async def test_controllers_module_and_subnet_are_read_by_anyone(delegated: bool) -> None:
    async with (
        local_network(delegated=delegated) as net,
        Agent(net.url, root_key=net.root_key, identity=identity_from_pem(net.controller.pem)) as owner,
        Agent(net.url, root_key=net.root_key) as anyone,
    ):
        canister = await change.perform(owner, change.provisional_create_canister_with_cycles(ANY_ID))
        assert await public.module_hash(anyone, canister) is None
        await change.perform(owner, change.install_code(canister, "install", small_module()))
        digest = hashlib.sha256(small_module()).digest()
        assert await public.controllers(anyone, canister) == (owner.identity.sender,)
        assert await public.module_hash(anyone, canister) == digest
        information = await public.public_information(anyone, canister)
        assert (information.controllers, information.module_hash) == ((owner.identity.sender,), digest)
        assert (await public.subnet_id_of(anyone, canister)).bytes == net.server.subnet_id
        interface = await public.metadata(anyone, canister, "candid:service")
        assert interface is not None
        assert b"health" in interface
        assert await public.metadata(anyone, canister, "no such section") is None


async def test_a_canister_that_does_not_exist_is_proven_not_to() -> None:
    async with local_network() as net, Agent(net.url, root_key=net.root_key) as anyone:
        for attempt in (public.controllers(anyone, MISSING), public.public_information(anyone, MISSING)):
            with pytest.raises(public.CanisterNotFound) as caught:
                await attempt
            assert MISSING.to_str() in caught.value.what
            assert caught.value.exit_code is ExitCode.FAILED
        assert await public.module_hash(anyone, MISSING) is None
        assert await public.metadata(anyone, MISSING, "candid:service") is None


async def test_private_metadata_is_for_controllers() -> None:
    section = b"icp:private secret" + b"hidden"
    module = small_module() + b"\x00" + bytes([len(section) + 1, 18]) + section
    async with (
        local_network() as net,
        Agent(net.url, root_key=net.root_key, identity=identity_from_pem(net.controller.pem)) as owner,
        Agent(net.url, root_key=net.root_key) as anyone,
    ):
        canister = await change.perform(owner, change.provisional_create_canister_with_cycles(ANY_ID))
        await change.perform(owner, change.install_code(canister, "install", module))
        assert await public.metadata(owner, canister, "secret") == b"hidden"
        with pytest.raises(UnexpectedAnswer, match="403"):
            await public.metadata(anyone, canister, "secret")
