"""What a canister is after a command that should have helped, as the network itself holds it."""

from __future__ import annotations

import re

from quri_console.drill.incidents import CANISTER, NAME
from quri_console.drill.shell import Ended
from quri_console.ic.encoding import candid
from quri_console.ic.encoding.candid import Types
from quri_console.ic.encoding.principal import parse_principal
from quri_console.ic.management.read import canister_status
from tests.runbook.scenes import Stage

TRILLION = 10**12


async def look(line: str, ended: Ended, prepared: Stage, cycles_before: int) -> None:
    """Check what `line` has done, where it is one that helps."""
    words = line.split()
    if words[:1] != ["quri-console"] or "--dry-run" in words:
        return
    if words[1] == "topup":
        assert prepared.on_network.cycles - cycles_before > 1.9 * TRILLION
    elif words[1] == "start":
        assert prepared.on_network.run_state == "running"
    elif words[1] == "create":
        await _restored_into_the_new_one(ended, prepared)
    elif words[1] == "restore" and "--from" in words:
        await _restored(words, prepared)


async def _restored(words: list[str], prepared: Stage) -> None:
    status = await canister_status(prepared.agent, CANISTER)
    assert status.status == "running"
    if "settings" in words:
        assert status.settings.controllers == prepared.good_controllers
        return
    assert status.module_hash == prepared.good_module
    assert await prepared.digest() == prepared.good_digest


async def _restored_into_the_new_one(ended: Ended, prepared: Stage) -> None:
    """The page says: run the command that is printed."""
    (command,) = re.findall(r"quri-console (restore .*)", ended.output)
    words = command.split()
    new = parse_principal(words[words.index("--to") + 1])
    restored = await prepared.operator(*words, "--confirm", f"local/{new.to_str()}")
    assert restored.code == 0, restored.errors
    reply = await prepared.agent.query(new, "digest", candid.encode([], []))
    assert candid.decode(reply, [Types.Nat64])[0] == prepared.good_digest
    assert NAME in command
