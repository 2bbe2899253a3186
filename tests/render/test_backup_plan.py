"""A backup's plan: steps and bill of each canister, or what stands in its way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from quri_console.backup.plan import BackupPlan, CanisterPlan
from quri_console.backup.target import BackupTarget
from quri_console.errors import NotAuthorised
from quri_console.ic.encoding.principal import parse_principal
from quri_console.render.backup_plan import backup_plan_json, backup_plan_lines
from quri_console.render.spans import plain
from tests.support.fleets import RUNE

TARGET = BackupTarget(parse_principal(RUNE), "rune\x1b")
PROBLEM = NotAuthorised("not a controller", why="asked", next_step="Add it.")
PLAN = BackupPlan(
    network="local",
    root_key_hash=bytes(32),
    repository=Path("/repository"),
    mode="stop",
    stop_timeout_seconds=60,
    canisters=(CanisterPlan(TARGET, "running", None, (), PROBLEM),),
)


def test_a_canister_that_cannot_be_backed_up_says_why_and_what_next() -> None:
    text = "\n".join(plain(line) for line in backup_plan_lines(PLAN))
    for part in ("rune\\e: cannot be backed up", "not a controller", "Why: asked", "Next: Add it."):
        assert part in text
    assert "\x1b" not in text
    assert backup_plan_json(PLAN)["canisters"][0]["problem"] == {
        "what": "not a controller",
        "why": "asked",
        "next": "Add it.",
    }


def test_a_page_with_a_title_of_its_own_names_only_the_repository() -> None:
    assert plain(backup_plan_lines(PLAN)[0]) == "Back up on local into /repository"
    assert plain(backup_plan_lines(PLAN, titled=False)[0]) == "Into /repository"


def test_nothing_to_do_costs_nothing() -> None:
    empty = replace(PLAN, canisters=())
    assert plain(backup_plan_lines(empty)[-1]) == "In all ≈ 0 B to store, ≈ 0 cycles."
