"""The registry says everything once: keys are unique, effects are named, reasons are given."""

from dataclasses import replace

import pytest

from quri_console.cli.main import COMMANDS
from quri_console.render.actions import ACTIONS, VIEWS, ActionContext, action, actions_of, key_label, key_sheet
from tests.support.fleets import HEALTHY

READY = ActionContext(
    selected=HEALTHY,
    backups=1,
    alert_chosen=True,
    backup_chosen=True,
    copy_chosen=True,
    operation_chosen=True,
    chosen_runs=True,
    can_resume=True,
    can_resolve=True,
    can_roll_back=True,
)


@pytest.mark.parametrize("view", VIEWS)
def test_keys_are_unique_within_a_view_and_names_everywhere(view: str) -> None:
    keys = [key for entry in actions_of(view) for key in entry.key.split(",")]
    assert len(set(keys)) == len(keys)
    assert len({entry.name for entry in ACTIONS}) == len(ACTIONS)


def test_everything_can_be_done_when_all_is_given() -> None:
    stopped = replace(READY, selected=replace(HEALTHY, status="stopped"))
    assert {entry.name for entry in ACTIONS if entry.disabled(READY)} == {"fleet_start"}
    assert {entry.name for entry in ACTIONS if entry.disabled(stopped)} == {"fleet_stop"}


def test_a_read_only_console_disables_exactly_what_changes_something() -> None:
    read_only = replace(READY, read_only=True)
    assert {entry.name for entry in ACTIONS if entry.disabled(read_only)} == {
        entry.name for entry in ACTIONS if entry.changes
    }


@pytest.mark.parametrize(
    ("name", "context", "reason"),
    [
        ("back_up", ActionContext(), "no canister is selected"),
        ("back_up", ActionContext(HEALTHY, operation_running=True), "an operation is running on this canister"),
        ("restore", ActionContext(HEALTHY, read_only=True), "this console is read-only"),
        ("fleet_start", ActionContext(HEALTHY), "it is running already"),
        ("fleet_start", ActionContext(replace(HEALTHY, stale=True)), None),
        ("fleet_stop", ActionContext(replace(HEALTHY, status="stopped")), "it is stopped already"),
        ("fleet_compare", ActionContext(HEALTHY), "this canister has no backup yet"),
        ("fleet_compare", ActionContext(HEALTHY, backups=1, read_only=True), None),
        ("fleet_top_up", ActionContext(HEALTHY, read_only=True), "this console is read-only"),
    ],
)
def test_reasons(name: str, context: ActionContext, reason: str | None) -> None:
    assert action(name).disabled(context) == reason


def test_every_command_named_exists() -> None:
    verbs = {entry.command.split()[1] for entry in ACTIONS if entry.command and not entry.command.endswith("--help")}
    assert verbs <= set(COMMANDS)


def test_the_key_sheet_tells_what_changes() -> None:
    sheet = {verb: (key, text) for key, verb, text in key_sheet()}
    assert sheet["Help"][0] == "?"
    assert "Changes: module and memory" in sheet["Restore"][1]


@pytest.mark.parametrize(
    ("key", "label"),
    [("at", "@"), ("ctrl+p", "Ctrl-P"), ("shift+left", "Shift-←"), ("f1", "F1"), ("f", "f"), ("N", "N")],
)
def test_keys_are_written_as_people_write_them(key: str, label: str) -> None:
    assert key_label(key) == label
