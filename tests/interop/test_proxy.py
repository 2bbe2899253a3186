"""The official client calls through the local network's proxy canister (`--proxy`)."""

from __future__ import annotations

import pytest

from quri_console.ic.encoding.candid import decode
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.history_reply import decode_history
from quri_console.localnet import management_types as types
from quri_console.localnet.builtins import PROXY_ID
from tests.interop.conftest import Operator

pytestmark = pytest.mark.interop

PROXY = Principal(PROXY_ID).to_str()


def info_of(canister: str) -> tuple[str, ...]:
    """Arguments of the client that ask for a canister's history."""
    argument = f'(record {{ canister_id = principal "{canister}"; num_requested_changes = opt (20 : nat64) }})'
    return ("canister", "call", "aaaaa-aa", "canister_info", argument, "--proxy", PROXY)


async def test_a_method_for_canisters_only_answers_the_official_client(anywhere: Operator, counter: bytes) -> None:
    canister = await anywhere.install(counter)
    reply = bytes.fromhex((await anywhere.icp(*info_of(canister), "--output", "hex")).out.strip())
    assert decode(reply, [types.CANISTER_INFO_RESULT])[0]["total_num_changes"] == 2
    assert [change.details.kind for change in decode_history(reply).changes] == ["creation", "code_deployment"]


async def test_the_proxy_pays_for_a_canister_and_operates_it(operator: Operator) -> None:
    icp = operator.icp
    creating = ("canister", "create", "--detached", "--quiet", "--proxy", PROXY, "--cycles")
    canister = (await icp(*creating, "3T")).out.strip()
    for command, status in (("stop", "Stopped"), ("start", "Running")):
        await icp("canister", command, canister, "--proxy", PROXY)
        shown = (await icp("canister", "status", canister, "--proxy", PROXY, "--json")).json
        assert (shown["status"], shown["settings"]["controllers"]) == (status, [PROXY])
    refused = await icp.refused(*creating, "3000T")
    assert "insufficient cycles. Available: 997_000_000_000_000, required: 3_000_000_000_000_000" in refused


async def test_what_the_proxy_cannot_call_is_told_in_its_own_words(operator: Operator) -> None:
    refused = await operator.icp.refused(*info_of("aaaaa-aa"))
    assert "Proxy call failed: Call Rejected, reject_code: DESTINATION_INVALID (3), reject_message: Canister" in refused


async def test_a_stranger_is_not_served(operator: Operator) -> None:
    canister = await operator.create()
    await operator.icp("identity", "new", "stranger", "--storage", "plaintext", everywhere=False)
    refused = await operator.icp.refused(*info_of(canister), "--identity", "stranger")
    assert "Unauthorized: you are not in the proxy canister's controllers list" in refused
