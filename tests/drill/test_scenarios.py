"""Drills and the runbook belong together: no disaster without a drill, no drill without a page that solves it."""

from __future__ import annotations

import pytest

from quri_console.drill.incidents import INCIDENTS
from quri_console.drill.pages import FLEET, blocks, blocks_of
from quri_console.drill.scenario import ByHand, Part, Scenario
from quri_console.drill.scenarios import SCENARIOS, scenario
from quri_console.drill.shell import typed
from quri_console.drill.solving import HANDIWORK
from quri_console.errors import UsageError
from quri_console.report.runbook import ORDER, section_for

NO_DISASTERS = {
    "start-here", "backup", "recovery", "contacts", "troubleshooting", "good-practice", "calendar", "commands",
}  # fmt: skip


def test_every_disaster_of_the_runbook_has_a_drill() -> None:
    assert {item.page for item in SCENARIOS} == set(ORDER) - NO_DISASTERS
    assert {item.scene for item in SCENARIOS} == set(INCIDENTS)


@pytest.mark.parametrize("item", SCENARIOS, ids=lambda item: item.name)
def test_every_step_of_a_drill_has_commands_on_its_page_or_is_told_there_in_words(item: Scenario) -> None:
    for step in item.steps:
        if isinstance(step, ByHand):
            assert step.name in HANDIWORK
        else:
            assert isinstance(step, Part)
            assert blocks_of(item.page, step.scene or item.scene, step.heading), step


@pytest.mark.parametrize("item", [item for item in SCENARIOS if item.alert], ids=lambda item: item.name)
def test_the_alert_of_a_drill_opens_its_page(item: Scenario) -> None:
    # a stopped canister is the first that is seen of a failed upgrade
    assert section_for(item.alert) == item.page or item.name == "failed-upgrade"


def test_the_figures_of_the_old_runbook_are_kept_and_said_to_be_its() -> None:
    seed = {item.name: item.limit_seconds for item in SCENARIOS if item.limit_of == "seed"}
    assert seed == {"out-of-cycles": 300, "failed-upgrade": 900, "data-corruption": 3600}


def test_the_task_does_not_tell_the_cure() -> None:
    told = {word: item.name for item in SCENARIOS for word in ("quri-console", "topup", "--from") if word in item.task}
    assert told == {}


@pytest.mark.parametrize(("given", "hint"), [("stoped", "'stopped'"), ("lost", "'lost-key'"), ("xyzzy", "drill list")])
def test_an_unknown_drill_is_refused_with_what_was_meant(given: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        scenario(given)
    assert hint in refused.value.next_step


def test_a_drill_is_found_by_how_its_name_begins() -> None:
    assert scenario("froz").name == "frozen"


def test_a_block_knows_its_heading_its_scene_and_its_exit_codes() -> None:
    text = "# T\n## One\n\n<!-- scene: x; exit: 0 14 -->\n\n```sh\na\nb\n```\n\n## Two\n\n```sh\nc\n```\n"
    first, second = blocks(text)
    assert (first.lines, first.heading, first.scene, first.exits) == (("a", "b"), "One", "x", (0, 14))
    assert (second.lines, second.heading, second.scene, second.exits) == (("c",), "Two", FLEET, (0,))


@pytest.mark.parametrize(
    ("line", "confirmed"),
    [
        ("quri-console restore rune-engine --from latest", True),
        ("quri-console restore rune-engine --from latest --dry-run", False),
        ("quri-console restore rune-engine", False),
        ("quri-console rollback latest", True),
        ("quri-console start rune-engine", False),
        ("mkdir new", False),
    ],
)
def test_only_what_asks_for_a_confirmation_gets_one(line: str, confirmed: bool) -> None:
    assert typed(line).endswith("--confirm local/rune-engine") == confirmed
