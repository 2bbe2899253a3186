"""`service-logs`: what an engineer finds afterwards of a watch, of schedules and of operations."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from quri_console.clock import NANOSECONDS_PER_SECOND, ManualClock, SystemClock
from quri_console.config import load_config
from quri_console.config.log import LogConfig
from quri_console.errors import ConfigError
from quri_console.localnet.faults import DropBefore, FaultRule, RejectCall
from quri_console.service_log.line import Process
from quri_console.service_log.writer import ServiceLog
from tests.cli.test_monitor import stop_registry
from tests.cli.test_watch import alerted_operator, ended, told
from tests.support.command import invoke, write_config
from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.webhook_receiver import Reply

SCHEDULES = '[schedules.now]\njob = "backup"\ncron = "* * * * *"\ncanisters = ["registry"]\n'


def kept(folder: Path, process: Process = "watch", *, minutes_ago: float = 0) -> ServiceLog:
    """A log as such a process writes it, in the state folder of `write_config`."""
    clock = ManualClock(SystemClock().now_ns() - round(minutes_ago * 60 * NANOSECONDS_PER_SECOND))
    return ServiceLog(folder / "root" / "state" / "logs", process, LogConfig(level="debug"), clock, print)


async def lines(operator: Operator, *arguments: str) -> list[dict[str, Any]]:
    found = await operator("service-logs", "--json", *arguments)
    assert found.code == 0, found.errors
    return [json.loads(line) for line in found.output.splitlines()]


def of(found: list[dict[str, Any]], event: str) -> str:
    return "\n".join(line["text"] for line in found if line["event"] == event)


# what the services write


async def test_a_watch_leaves_what_an_engineer_needs_afterwards(tmp_path: Path) -> None:
    async with alerted_operator(tmp_path) as (operator, receiver):
        process = await operator.start("watch", "--quiet")
        await stop_registry(operator)
        async with asyncio.timeout(60):
            await told(receiver, "stopped", "firing")
            await stop_registry(operator, stopped=False)
            await told(receiver, "stopped", "resolved")
        await ended(process, signal.SIGTERM)
        found = await lines(operator)
        secret = receiver.url
    assert {line["process"] for line in found} == {"watch"}
    assert [line["event"] for line in found][:2] == ["started", "configuration"]
    assert "4 canisters, 1 channels" in of(found, "configuration")
    assert "polling local from here" in of(found, "lease")
    assert "gave back the lease" in of(found, "lease")
    assert "registry: stopped" in of(found, "canister")
    assert "registry stopped firing" in of(found, "alert")
    assert "registry stopped resolved" in of(found, "alert")
    assert "delivered to hook" in of(found, "delivery")
    assert of(found, "ended") == "watch ended, as it was told to"
    assert "delivered to hook" in written(tmp_path)
    assert secret.split("://")[1] not in written(tmp_path)


async def come(operator: Operator, pattern: str) -> None:
    """Wait until a line with the pattern is in the log, as somebody does who follows it."""
    follower = await operator.start("service-logs", "--follow", "--grep", pattern)
    assert follower.stdout is not None
    async with asyncio.timeout(60):
        assert await follower.stdout.readline()
    follower.kill()
    await follower.communicate()


def written(folder: Path) -> str:
    """All that stands in the files of the log."""
    return "".join(file.read_text() for file in folder.rglob("logs/*"))


async def test_rounds_that_fail_and_come_back_are_written(tmp_path: Path) -> None:
    async with alerted_operator(tmp_path) as (operator, _):
        operator.net.faults.add(FaultRule(DropBefore(), count=None))
        process = await operator.start("watch", "--quiet")
        await come(operator, "no canister answered")
        operator.net.faults.clear()
        await come(operator, "rounds come through again")
        await ended(process, signal.SIGTERM)
        found = await lines(operator)
    assert "registry does not answer" in of(found, "canister")
    assert "registry answers again" in of(found, "canister")
    assert {line["level"] for line in found if "no canister answered" in line["text"]} == {"error"}


async def test_deliveries_that_fail_are_written_with_why_and_without_the_address(tmp_path: Path) -> None:
    async with alerted_operator(tmp_path) as (operator, receiver):
        receiver.script.extend([Reply(503), Reply(400, body=b"no such hook")])
        process = await operator.start("watch", "--quiet")
        await stop_registry(operator)
        await come(operator, "gave up for hook")
        await ended(process, signal.SIGTERM)
        found = [line for line in await lines(operator) if line["event"] == "delivery"]
    assert [line["level"] for line in found[:2]] == ["warning", "error"]
    assert "HTTP 503" in found[0]["text"]
    assert "HTTP 400" in found[1]["text"]
    assert [line["facts"]["attempt"] for line in found[:2]] == [1, 2]
    assert not any(receiver.url in json.dumps(line) for line in found)


async def test_a_schedule_and_its_operation_are_found_from_the_timer_to_the_runner(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        operator.config.write_text(operator.config.read_text() + SCHEDULES)
        assert (await operator("schedule", "run", "now")).code == 0
        await operator("lockdown", "on", "--reason", "INC-42")
        assert (await operator("schedule", "run", "now")).code == 14
        found = await lines(operator)
    of_schedule = [line for line in found if line["event"] == "schedule"]
    assert [line["facts"]["outcome"] for line in of_schedule] == ["begins", "done", "begins", "skipped"]
    assert {line["process"] for line in of_schedule} == {"schedule"}
    assert "INC-42" in of_schedule[-1]["text"]
    of_runner = [line for line in found if line["process"] == "runner"]
    assert len(of_runner) == 2
    assert re.fullmatch(r"\S+-backup-\S+ begins: backup of registry on local, reason: schedule now .*",
                        of_runner[0]["text"])  # fmt: skip
    assert " ended: " in of_runner[1]["text"]
    (lockdown,) = [line for line in found if line["event"] == "lockdown"]
    assert (lockdown["process"], lockdown["level"]) == ("console", "warning")


async def test_an_operation_that_fails_says_so_in_the_log(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        # the plan is made by queries and reads, the operation takes its snapshot by a call
        operator.net.faults.add(FaultRule(RejectCall(), method="take_canister_snapshot", count=None))
        assert (await operator("backup", "registry")).code != 0
        found = await lines(operator, "--process", "runner", "--level", "error")
    assert re.search(r"-backup-\S+ ended with exit code \d+: ", found[-1]["text"])


async def test_an_unwritable_log_folder_is_said_once_and_stops_nothing(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        logs = load_config(operator.config).paths.logs
        logs.parent.mkdir(parents=True, exist_ok=True)
        logs.write_text("a file stands in the way")
        process = await operator.start("watch", "--json")
        assert process.stdout is not None
        notices = []
        async with asyncio.timeout(60):
            while not any(notice["kind"] == "round" for notice in notices):
                notices.append(json.loads(await process.stdout.readline()))
        _, rest, errors = await ended(process, signal.SIGTERM)
        notices += [json.loads(line) for line in rest.splitlines()]
        examined = (await operator("doctor", "--json")).json()
    assert errors == ""
    assert notices[-1]["kind"] == "ended"
    assert sum("service log" in notice["text"] for notice in notices) == 1
    diagnoses = examined["diagnoses"] if isinstance(examined, dict) else examined
    (diagnosis,) = [item for item in diagnoses if item["what"] == "service log"]
    assert diagnosis["level"] == "warning"
    assert "cannot be written" in diagnosis["text"]


# how they are shown


def test_lines_are_shown_newest_last_with_time_level_and_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path)
    kept(tmp_path, minutes_ago=90).say("started", "watch begins")
    kept(tmp_path, "schedule", minutes_ago=5).say("schedule", "schedule nightly failed: disk", "error")
    shown = invoke(capsys, "--config", config, "service-logs")
    assert shown.code == 0, shown.errors
    first, second = shown.output.splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC info    watch    started: watch begins", first)
    assert second.endswith(" UTC error   schedule schedule: schedule nightly failed: disk")
    assert "\x1b" not in shown.output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--since", "2h"], ["two", "three"]),
        (["--level", "warning"], ["one", "three"]),
        (["--process", "schedule"], ["three"]),
        (["--process", "schedule", "--process", "runner"], ["two", "three"]),
        (["--grep", "T[WH]"], ["two", "three"]),
        (["-n", "1"], ["three"]),
        (["-n", "0"], []),
        (["--level", "error", "--since", "1m"], []),
    ],
)
def test_lines_are_chosen_by_age_level_process_and_pattern(
    arguments: list[str], expected: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path)
    kept(tmp_path, "watch", minutes_ago=180).say("a", "one", "warning")
    kept(tmp_path, "runner", minutes_ago=60).say("b", "two")
    kept(tmp_path, "schedule", minutes_ago=30).say("c", "three", "error")
    shown = invoke(capsys, "--config", config, "service-logs", "--json", *arguments)
    assert [json.loads(line)["text"] for line in shown.output.splitlines()] == expected


def test_what_came_from_outside_does_nothing_to_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path)
    kept(tmp_path).say("canister", "evil \x1b]0;title\x07 \u202e and\nanother line")
    shown = invoke(capsys, "--config", config, "service-logs").output
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert shown.count("\n") == 1
    as_json = invoke(capsys, "--config", config, "service-logs", "--json").output
    assert as_json.isascii()
    assert as_json.count("\n") == 1


def test_no_log_yet_is_said_and_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = invoke(capsys, "--config", write_config(tmp_path), "service-logs")
    logs = tmp_path / "root" / "state" / "logs"
    assert (shown.code, shown.output, shown.errors) == (0, "", f"No lines in {logs}: nothing was logged yet.\n")
    assert not logs.exists(), "reading makes nothing"


def test_a_log_of_which_no_line_fits_is_told_from_one_that_is_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "root" / "state" / "logs").mkdir(parents=True)
    shown = invoke(capsys, "--config", write_config(tmp_path), "service-logs", "--since", "1h")
    assert (shown.code, shown.output) == (0, "")
    assert shown.errors.endswith(": nothing there fits.\n")


def test_a_bad_pattern_is_a_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = invoke(capsys, "--config", write_config(tmp_path), "service-logs", "--grep", "(")
    assert shown.code == 2
    assert "not a regular expression" in shown.errors


def test_a_log_that_cannot_be_read_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path)
    (tmp_path / "root" / "state").mkdir(parents=True)
    (tmp_path / "root" / "state" / "logs").write_text("no folder")
    shown = invoke(capsys, "--config", config, "service-logs")
    assert shown.code == 1
    assert "cannot be read" in shown.errors


async def test_follow_shows_what_comes_across_a_rotation_until_interrupted(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        folder = load_config(operator.config).paths.logs
        log = ServiceLog(folder, "watch", LogConfig(size_bytes=65_536), SystemClock(), print)
        log.say("a", "before")
        process = await operator.start("service-logs", "--follow", "--json")
        assert process.stdout is not None
        async with asyncio.timeout(60):
            assert json.loads(await process.stdout.readline())["text"] == "before"
            for number in range(100):
                log.say("a", f"{number} " + "x" * 1_500)
            assert (folder / "watch.jsonl.1").exists()
            got = [json.loads(await process.stdout.readline())["text"].split()[0] for _ in range(100)]
        process.send_signal(signal.SIGINT)
        await process.communicate()
    assert got == [str(number) for number in range(100)]
    assert process.returncode == 130


# the configuration


def test_the_table_of_the_log_is_read_and_its_bounds_are_told(tmp_path: Path) -> None:
    more = '[monitor.log]\nlevel = "warning"\nsize = "64 KiB"\ncount = 3\n'
    log = load_config(write_config(tmp_path, more=more)).monitor.log
    assert log == LogConfig("warning", 65_536, 3)
    for bad, told_of in (('size = "1 KiB"', "64 KiB"), ('level = "loud"', "debug"), ("count = 0", "from 1")):
        with pytest.raises(ConfigError) as caught:
            load_config(write_config(tmp_path, more=f"[monitor.log]\n{bad}\n"))
        assert told_of in f"{caught.value} {caught.value.next_step}"


@pytest.mark.parametrize("columns", ["80"])
def test_its_help_fits(columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    shown = invoke(capsys, "service-logs", "--help").output
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    assert "Examples" in shown
