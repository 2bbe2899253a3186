"""A second host: the same network and key, a configuration, a state folder and a copy of the repository of its own."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

from quri_console.localnet.configuration import (
    CONTROLLER_FILE,
    ConfiguredCanister,
    write_configuration,
    write_private,
)
from quri_console.localnet.demo_fleet import FLEET
from quri_console.localnet.management import Invocation
from quri_console.localnet.messages import Reply
from tests.support.networks import LocalNetwork
from tests.support.operator_command import Operator


def another_host(operator: Operator, folder: Path, net: LocalNetwork | None = None) -> Operator:
    """What a colleague has on another machine, or (`net`) on another network with the same names and ids."""
    net = operator.net if net is None else net
    folder.mkdir()
    write_private(folder / CONTROLLER_FILE, net.controller.pem)
    canisters = [ConfiguredCanister(item.name, item.id) for item in FLEET]
    config = write_configuration(folder, url=net.url, root_key=net.root_key, canisters=canisters)
    colleague = Operator(net, folder, config)
    if operator.repository.exists():
        shutil.copytree(operator.repository, colleague.repository)
    return colleague


def count_executions(net: LocalNetwork, *methods: str) -> Counter[tuple[bytes, str]]:
    """How often the network executed management methods from now on, by canister."""
    counts: Counter[tuple[bytes, str]] = Counter()
    management = net.network.management
    counted = dict(management._methods)
    for name in methods:
        counted[name] = replace(counted[name], handler=_counting(counted[name].handler, counts, name))
    management._methods = counted
    return counts


def _counting(handler, counts: Counter[tuple[bytes, str]], name: str):  # type: ignore[no-untyped-def]  # the network's own type
    async def counting(invocation: Invocation) -> Reply:
        reply: Reply = await handler(invocation)
        counts[invocation.canister_id, name] += 1
        return reply

    return counting
