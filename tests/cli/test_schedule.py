"""`schedule` as an operator uses it, on a network: runs are real, refused where they must be, and told afterwards."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.clock import SystemClock
from quri_console.config import load_config
from quri_console.history import History
from quri_console.history.schedule_runs import ScheduleRun
from tests.support.command import invoke
from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.webhook_receiver import webhook_receiver

SCHEDULES = """
[schedules]
in_watch = true
[schedules.now]
job = "backup"
cron = "* * * * *"
canisters = ["registry"]
[schedules.check]
job = "verify"
cron = "0 0 1 1 *"
"""


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with operator_on_fleet(tmp_path) as found:
        found.config.write_text(found.config.read_text() + SCHEDULES)
        yield found


async def explained(operator: Operator, name: str) -> list[dict[str, object]]:
    return list((await operator("schedule", "explain", name, "--json")).json()["runs"])


async def test_a_timer_runs_a_slot_once_and_its_backup_names_the_run_as_its_reason(operator: Operator) -> None:
    first = await operator("schedule", "run", "now", "--if-due", "--json")
    assert first.code == 0, first.errors
    run = first.json()["run"]
    assert (run["outcome"], run["by"], run["note"]) == ("done", "timer", "")
    assert run["cycles"] > 0
    assert len(operator.backups()) == 1
    (operation,) = (await operator("operations", "list", "--json")).json()["operations"]
    assert json.dumps(operation).count(f"schedule now {str(run['slot'])[:19]}Z") == 1
    listed = (await operator("schedule", "list", "--json")).json()
    assert listed["cycles_today"] == run["cycles"]
    told = (await operator("schedule", "explain", "now", "--json")).json()
    assert (told["cycles_today"], told["max_cycles_per_day"]) == (run["cycles"], 10**12)
    never = await operator("schedule", "run", "check", "--if-due")
    assert (never.code, never.output) == (0, "Nothing is due.\n")


async def test_lockdown_holds_for_a_run_by_hand_and_by_a_timer(operator: Operator) -> None:
    await operator("lockdown", "on", "--reason", "INC-42")
    for words in (("run", "now", "--if-due"), ("run", "now")):
        refused = await operator("schedule", *words)
        assert refused.code == 14
        assert "INC-42" in refused.output
    assert operator.backups() == ()
    await operator("lockdown", "off", "--reason", "over")
    assert (await operator("schedule", "run", "now")).code == 0
    assert [run["outcome"] for run in await explained(operator, "now")] == ["done", "skipped", "skipped"]


async def test_a_production_network_needs_the_written_permit(operator: Operator) -> None:
    operator.edit("production = false", "production = true")
    refused = await operator("schedule", "run", "now")
    assert refused.code == 14
    assert "production = true" in refused.output
    operator.edit("in_watch = true", "production = true")
    assert (await operator("schedule", "run", "now")).code == 0
    assert len(operator.backups()) == 1


async def test_a_backup_that_would_cost_too_much_is_not_begun(operator: Operator) -> None:
    explained = (await operator("schedule", "explain", "now")).output
    assert "cycles    at most 1 T a day (UTC) for all schedules together; 0 so far today" in explained
    assert "cycles " not in (await operator("schedule", "explain", "check")).output
    operator.edit("in_watch = true", "max_cycles_per_day = 1")
    refused = await operator("schedule", "run", "now")
    assert refused.code == 14
    assert "max_cycles_per_day" in refused.output
    assert operator.backups() == ()
    explained = (await operator("schedule", "explain", "now")).output
    assert "at most 1 a day" in explained
    assert "max_cycles_per_day" in explained


async def test_a_job_that_fails_says_why_and_doctor_names_it(operator: Operator) -> None:
    (operator.folder / "broken").write_text("no repository")
    failed = await operator("schedule", "run", "check")
    assert failed.code == 1
    assert "exit code 10" in failed.output
    found = (await operator("doctor", "--json")).json()
    texts = [item["text"] for item in found if item["what"] == "schedules" and item["level"] == "critical"]
    assert any(text.startswith("check of ") and "failed" in text for text in texts)
    assert [item["what"] for item in found if item["what"] == "unattended key"] == ["unattended key"]


async def test_a_dry_run_shows_lines_that_can_be_copied_and_two_kinds_of_timers_are_none(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    folder = operator.folder / "timers"
    folder.mkdir()
    shown = await operator("schedule", "install", "--cron", "--directory", str(folder), "--dry-run")
    assert shown.code == 0, shown.errors
    assert "\\t" not in shown.output
    (line,) = (line for line in shown.output.splitlines() if "schedule run check" in line)
    assert line.split()[:5] == ["0", "0", "1", "1", "*"]
    assert line.endswith("--if-due >/dev/null")
    both = await operator("schedule", "install", "--systemd", "--cron", "--directory", str(folder))
    assert both.code == 2
    assert "--systemd and --cron exclude each other" in both.errors
    assert list(folder.iterdir()) == []


async def test_the_line_of_every_unit_runs_with_next_to_no_environment(operator: Operator) -> None:
    """`now` is a backup that is due, `check` is not due: both lines do what they say under the unit's environment."""
    units = operator.folder / "my units $HOME"
    assert (await operator("schedule", "install", "--systemd", "--directory", str(units))).code == 0
    codes = {}
    for unit in sorted(units.glob("*.service")):
        (line,) = [line for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
        words = [word.replace("$$", "$").replace("%%", "%") for word in shlex.split(line.removeprefix("ExecStart="))]
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(operator.folder), "LANG": "C.UTF-8"}
        process = await asyncio.create_subprocess_exec(*words, env=environment, cwd="/")
        codes[unit.stem] = await process.wait()
    assert codes == {"quri-console-local-check": 0, "quri-console-local-now": 0}
    assert len(operator.backups()) == 1


async def test_a_dead_man_s_switch_hears_of_every_run_but_not_of_one_that_was_skipped(operator: Operator) -> None:
    async with webhook_receiver() as receiver:
        secret = operator.folder / "switch.url"
        secret.write_text(receiver.url)
        secret.chmod(0o600)
        operator.edit("[schedules]\n", '[monitor.heartbeats.schedule]\nurl_file = "switch.url"\n[schedules]\n')
        await operator("lockdown", "on", "--reason", "INC-42")
        await operator("schedule", "run", "check")
        assert receiver.received == []
        await operator("lockdown", "off", "--reason", "over")
        await operator("schedule", "run", "check")
        assert [r.target.split("?")[0].rsplit("/", 1)[1] for r in receiver.received] == ["start", "1"]
        await operator("schedule", "run", "now")
        assert [r.target.split("?")[0].rsplit("/", 1)[1] for r in receiver.received][2:] == ["start", "0"]


async def told_by_watch(operator: Operator, until: str) -> list[str]:
    """What a watch says of the schedules until it says that; it is killed then."""
    process = await operator.start("watch", "--json")
    assert process.stdout is not None
    said: list[str] = []
    async with asyncio.timeout(120):
        async for line in process.stdout:
            notice = json.loads(line)
            said.append(notice["text"])
            if until in notice["text"]:
                break
        while until.startswith("begins") and not (await operator("operations", "list", "--json")).json()["operations"]:
            pass
    process.kill()
    await process.communicate()
    return said


async def seen_before(history: History, schedule: str, cron: str, seconds: float) -> None:
    at_ns = SystemClock().now_ns() - round(seconds * 1e9)
    await history.schedule_runs.put(ScheduleRun("local", schedule, at_ns, 0, cron, "watch", at_ns, at_ns, "known"))


async def test_a_backup_whose_watch_is_killed_goes_on_and_the_next_watch_does_not_begin_it_again(
    operator: Operator,
) -> None:
    operator.edit("* * * * *", "0 0 * * *")
    async with await History.open(load_config(operator.config).paths.history) as history:
        await seen_before(history, "now", "0 0 * * *", 86_400)
        said = await told_by_watch(operator, "begins (caught up)")
        assert "running the schedules from here" in said
        lease = await history.leases.get("schedule:local")
        assert lease is not None
        # what runs out within minutes where nobody takes it away
        await history.leases.release(lease.duty, lease.holder)
        ended = (await told_by_watch(operator, "schedule now of"))[-1]
    assert ended.endswith("UTC: done: caught up; ended without whoever began it")
    assert len(operator.backups()) == 1
    assert [run["outcome"] for run in await explained(operator, "now")] == ["done"]


@pytest.mark.parametrize("words", ["", "list", "explain", "run", "install", "uninstall"])
def test_its_help_fits_has_examples_and_says_what_an_unattended_key_means(
    words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = invoke(capsys, "schedule", *words.split(), "--help").output
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    assert "Example" in shown
    if words in ("", "install"):
        assert "nobody present" in " ".join(shown.split())
