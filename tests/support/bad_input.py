"""What every failure must look like to whoever meets it."""

from __future__ import annotations

from quri_console.ic.encoding.principal import parse_principal
from quri_console.localnet.canister import Canister, RunState
from quri_console.localnet.demo_fleet import FLEET
from tests.support.operator_command import Ended, Operator


def failed(ended: Ended, code: int) -> str:
    """What was said, on one line, after checking that it says what, and what to do, and shows no Python."""
    assert ended.code == code, ended
    said = ended.output + ended.errors
    assert "Error: " in said, said
    assert "Next: " in said, said
    assert "Traceback" not in said
    assert "quri-console itself failed" not in said, said
    return " ".join(said.split())


def canister_of(operator: Operator, name: str) -> Canister:
    """The network's own record of a canister of the fleet."""
    identifier = next(item.id for item in FLEET if item.name == name)
    return operator.net.network.subnet.get(parse_principal(identifier).bytes)


def nothing_left_behind(operator: Operator, name: str = "registry", state: RunState = RunState.RUNNING) -> None:
    """No backup, no part of one, no snapshot, and the canister as it was."""
    assert operator.backups() == ()
    assert operator.unfinished() == ()
    canister = canister_of(operator, name)
    assert canister.run_state is state
    assert not canister.snapshots
