"""The registry says everything once: keys are unique, effects are named, reasons are given."""

import pytest

from quri_console.cli.main import COMMANDS
from quri_console.render.actions import ACTIONS, ActionContext, action, key_sheet
from tests.support.fleets import HEALTHY

READY = ActionContext(selected=HEALTHY, backups=1)


def test_keys_and_names_are_unique() -> None:
    assert len({entry.key for entry in ACTIONS}) == len({entry.name for entry in ACTIONS}) == len(ACTIONS)


def test_everything_can_be_done_when_all_is_given() -> None:
    assert {entry.disabled(READY) for entry in ACTIONS} == {None}


def test_a_read_only_console_disables_exactly_what_changes_something() -> None:
    read_only = ActionContext(selected=HEALTHY, backups=1, read_only=True)
    assert {entry.name for entry in ACTIONS if entry.disabled(read_only)} == {
        entry.name for entry in ACTIONS if entry.changes
    }


@pytest.mark.parametrize(
    ("name", "context", "reason"),
    [
        ("back_up", ActionContext(), "no canister is selected"),
        ("back_up", ActionContext(HEALTHY, operation_running=True), "an operation is running on this canister"),
        ("restore", ActionContext(HEALTHY), "this canister has no backup yet"),
        ("restore", ActionContext(HEALTHY, read_only=True), "this console is read-only"),
    ],
)
def test_reasons(name: str, context: ActionContext, reason: str) -> None:
    assert action(name).disabled(context) == reason


def test_every_command_named_exists() -> None:
    verbs = {entry.command.split()[1] for entry in ACTIONS if entry.command and not entry.command.endswith("--help")}
    assert verbs <= set(COMMANDS)


def test_the_key_sheet_tells_what_changes() -> None:
    sheet = {verb: (key, text) for key, verb, text in key_sheet()}
    assert sheet["Help"][0] == "?"
    assert "Changes: module and memory" in sheet["Restore"][1]
