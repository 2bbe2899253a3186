"""The service log: redacted, counted, rotated, shared by processes, and never a reason to stop."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.clock import ManualClock, SystemClock
from quri_console.config.log import LogConfig
from quri_console.redaction import remember_secret, without_secrets
from quri_console.service_log.files import LOCK_NAME, SharedFile
from quri_console.service_log.line import LogLine, read_line
from quri_console.service_log.reading import LogReader, Wanted, pattern_of
from quri_console.service_log.repeats import MOST_DIFFERENT
from quri_console.service_log.writer import ServiceLog
from tests.support.privileges import as_nobody, folder_of_nobody, give_to_nobody, small_disk

SLACK = "https://hooks.slack.com/services/T024BE7LD/B1234/abcdefghijklmnop"


def log_in(folder: Path, clock: ManualClock, config: LogConfig | None = None) -> tuple[ServiceLog, list[str]]:
    told: list[str] = []
    return ServiceLog(folder / "logs", "watch", config or LogConfig(), clock, told.append), told


def read(folder: Path, wanted: Wanted | None = None) -> list[LogLine]:
    return list(LogReader(folder / "logs", wanted or Wanted()).lines())


def texts(folder: Path) -> list[str]:
    return [line.text for line in read(folder)]


# what is in a line


def test_a_line_says_when_how_bad_which_process_and_what(tmp_path: Path) -> None:
    log, _ = log_in(tmp_path, ManualClock())
    log.say("delivery", "delivered to ops", "warning", channel="ops", attempt=2, empty="")
    (line,) = (tmp_path / "logs" / "watch.jsonl").read_text().splitlines()
    assert json.loads(line) == {
        "at": "2025-06-15T15:06:40.000000Z",
        "level": "warning",
        "process": "watch",
        "pid": os.getpid(),
        "event": "delivery",
        "text": "delivered to ops",
        "facts": {"channel": "ops", "attempt": 2},
    }


def test_files_and_folder_are_for_their_owner_alone_whatever_the_umask_is(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        log, _ = log_in(tmp_path, ManualClock(), LogConfig(size_bytes=65_536))
        for number in range(60):
            log.say("filler", f"{number} " + "x" * 1_900)
    finally:
        os.umask(before)
    files = list((tmp_path / "logs").iterdir())
    assert {file.name for file in files} == {"watch.jsonl", "watch.jsonl.1", LOCK_NAME}
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert (tmp_path / "logs").stat().st_mode & 0o777 == 0o700


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    log, _ = log_in(tmp_path, ManualClock())
    log.say("a", "first")
    log.path.chmod(0o644)
    log.say("a", "second")
    assert log.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"POST {SLACK} failed", "abcdefghijklmnop"),
        ("POST hooks.slack.com/services/T024BE7LD/B1234/abcdefghijklmnop failed", "abcdefghijklmnop"),
        ("at discord.com/api/webhooks/123/tok-en", "tok-en"),
        ("at https://user:hunter2@example.com/x", "hunter2"),
        ("-----BEGIN EC PRIVATE KEY-----\nMHQCAQEE\n-----END EC PRIVATE KEY-----", "MHQCAQEE"),
        ("-----BEGIN PRIVATE KEY-----\nMC4CAQAw cut off", "MC4CAQAw"),
        ("AGE-SECRET-KEY-1QQQQQQQQQQ is it", "QQQQ"),
        ("Authorization: Bearer eyJhbGciOi", "eyJhbGciOi"),
        ("bearer eyJhbGciOi was refused", "eyJhbGciOi"),
        ("API_TOKEN=s3cr3t-value", "s3cr3t-value"),
        ('{"passphrase": "open sesame now"}', "sesame"),
        ("signing_key: 'abc def'", "abc def"),
    ],
)
def test_what_opens_a_door_is_in_no_line(tmp_path: Path, text: str, secret: str) -> None:
    log, _ = log_in(tmp_path, ManualClock())
    log.say("problem", text, detail=text, error=f"because of {text}")
    written = log.path.read_text()
    assert secret not in written
    assert '"event":"problem"' in written


def test_a_secret_that_this_process_has_read_is_known_by_its_value(tmp_path: Path) -> None:
    remember_secret("correct horse battery")
    log, _ = log_in(tmp_path, ManualClock())
    log.say("problem", "cannot open it with correct horse battery")
    assert texts(tmp_path) == ["cannot open it with (left out)"]
    remember_secret("a")
    assert without_secrets("a cat sat") == "a cat sat"


def test_half_a_secret_at_the_end_of_a_long_line_is_left_out_too(tmp_path: Path) -> None:
    log, _ = log_in(tmp_path, ManualClock())
    log.say("problem", "x" * 1_970 + " " + SLACK)
    assert "hooks.slack.com" not in log.path.read_text()


def test_what_a_canister_answers_does_nothing_to_a_terminal_that_shows_the_file(tmp_path: Path) -> None:
    log, _ = log_in(tmp_path, ManualClock())
    log.say("canister", "evil \x1b[31m\u202e\x00\n{}" + "y" * 10_000)
    data = log.path.read_bytes()
    assert data.count(b"\n") == 1
    assert re.fullmatch(rb"[\x20-\x7e]*\n", data)
    assert len(data) < 5_000
    assert texts(tmp_path)[0].startswith("evil \x1b[31m\u202e")


# levels and repetitions


def test_lines_below_the_configured_level_are_not_written(tmp_path: Path) -> None:
    log, _ = log_in(tmp_path, ManualClock(), LogConfig(level="warning"))
    log.say("a", "fine")
    log.say("a", "bad", "warning")
    assert texts(tmp_path) == ["bad"]


async def test_a_repeated_line_is_written_once_and_then_counted(tmp_path: Path) -> None:
    clock = ManualClock()
    log, _ = log_in(tmp_path, clock)
    for _ in range(214):
        log.say("round", "a round failed: no answer", "error")
        await clock.advance(0.25)
    assert texts(tmp_path) == ["a round failed: no answer"]
    await clock.advance(10)
    log.count_up()
    line = read(tmp_path)[-1]
    assert line.text.startswith("repeated 213 times in 64 s: a round failed")
    assert (line.level, line.event, line.facts["repeated"]) == ("error", "round", 213)


async def test_a_line_that_goes_on_repeating_itself_costs_one_line_a_minute(tmp_path: Path) -> None:
    clock = ManualClock()
    log, _ = log_in(tmp_path, clock)
    for _ in range(600):
        log.say("round", "again")
        await clock.advance(1)
    assert len(texts(tmp_path)) == 10
    assert texts(tmp_path)[1] == "repeated 59 times in 60 s: again"


async def test_a_line_that_comes_back_after_a_quiet_minute_is_written_again(tmp_path: Path) -> None:
    clock = ManualClock()
    log, _ = log_in(tmp_path, clock)
    log.say("round", "again")
    await clock.advance(61)
    log.say("round", "again")
    assert texts(tmp_path) == ["again", "again"]


def test_counts_are_written_at_the_end(tmp_path: Path) -> None:
    log, _ = log_in(tmp_path, ManualClock())
    for _ in range(3):
        log.say("round", "again")
    log.close()
    assert texts(tmp_path) == ["again", "repeated 2 times in 0 s: again"]


def test_different_facts_are_different_lines(tmp_path: Path) -> None:
    log, _ = log_in(tmp_path, ManualClock())
    log.say("delivery", "failed", channel="ops")
    log.say("delivery", "failed", channel="dev")
    assert len(texts(tmp_path)) == 2


def test_a_change_is_written_although_the_same_was_written_a_moment_ago(tmp_path: Path) -> None:
    log, _ = log_in(tmp_path, ManualClock())
    for text in ("stopped firing", "stopped resolved", "stopped firing", "stopped resolved"):
        log.say("alert", text, news=True)
    log.close()
    assert texts(tmp_path) == ["stopped firing", "stopped resolved"] * 2


def test_a_flood_of_different_lines_is_bounded_and_said(tmp_path: Path) -> None:
    log, _ = log_in(tmp_path, ManualClock(), LogConfig(size_bytes=10 << 20))
    for number in range(MOST_DIFFERENT + 70):
        log.say("flood", f"line {number}")
    log.close()
    found = texts(tmp_path)
    assert len(found) == MOST_DIFFERENT + 1
    assert found[-1].startswith("70 more lines were left out")


# rotation and several processes


def test_a_large_file_gives_way_and_only_so_many_are_kept(tmp_path: Path) -> None:
    log, _ = log_in(tmp_path, ManualClock(), LogConfig(size_bytes=65_536, count=2))
    for number in range(400):
        log.say("filler", f"{number:04} " + "x" * 1_000)
    files = sorted(path.name for path in (tmp_path / "logs").glob("watch*"))
    assert files == ["watch.jsonl", "watch.jsonl.1", "watch.jsonl.2"]
    assert all((tmp_path / "logs" / name).stat().st_size <= 65_536 for name in files)
    numbers = [int(text[:4]) for text in texts(tmp_path)]
    assert numbers == list(range(numbers[0], 400)), "no line between the oldest kept one and the newest is missing"


WRITER = """
import sys
from pathlib import Path
from quri_console.clock import SystemClock
from quri_console.config.log import LogConfig
from quri_console.service_log.writer import ServiceLog
log = ServiceLog(Path(sys.argv[1]), "runner", LogConfig(size_bytes=65_536, count=100), SystemClock(), sys.exit)
for number in range(400):
    log.say("work", f"{sys.argv[2]}-{number} " + "x" * 300)
log.close()
"""


def test_processes_that_write_and_rotate_at_once_lose_no_line_and_mix_none(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "logs"), str(number)]) for number in range(4)
    ]
    assert [writer.wait(120) for writer in writers] == [0] * 4
    reader = LogReader(tmp_path / "logs")
    found = [line.text.split()[0] for line in reader.lines()]
    assert reader.damaged == 0
    assert sorted(found) == sorted(f"{writer}-{number}" for writer in range(4) for number in range(400))
    assert len(list((tmp_path / "logs").glob("runner.jsonl.*"))) > 5


def test_a_halted_process_that_holds_the_lock_halts_nobody(tmp_path: Path) -> None:
    import fcntl
    import time

    log, told = log_in(tmp_path, ManualClock(), LogConfig(size_bytes=65_536))
    log.say("a", "before")
    with (tmp_path / "logs" / LOCK_NAME).open("rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        began = time.monotonic()
        for number in range(100):
            log.say("a", f"{number} " + "x" * 1_500)
        lasted = time.monotonic() - began
    assert lasted < 2, "it is waited for once, not for every line"
    assert told == []
    assert len(texts(tmp_path)) == 101
    assert not (tmp_path / "logs" / "watch.jsonl.1").exists()
    log.say("a", "after " + "x" * 1_500)
    assert texts(tmp_path)[-1].startswith("after")


def test_a_follower_sees_each_line_once_whatever_gave_way(tmp_path: Path) -> None:
    log, _ = log_in(tmp_path, ManualClock(), LogConfig(size_bytes=65_536, count=50))
    reader, seen = LogReader(tmp_path / "logs"), []
    for number in range(300):
        log.say("filler", f"{number} " + "x" * 1_500)
        if number % 70 == 3:
            seen += [int(line.text.split()[0]) for line in reader.lines()]
    seen += [int(line.text.split()[0]) for line in reader.lines()]
    assert seen == list(range(300))
    assert list(reader.lines()) == []


def test_a_follower_goes_on_with_a_file_that_somebody_emptied(tmp_path: Path) -> None:
    log, _ = log_in(tmp_path, ManualClock())
    reader = LogReader(tmp_path / "logs")
    log.say("a", "before " + "x" * 500)
    assert len(list(reader.lines())) == 1
    os.truncate(log.path, 0)
    log.say("a", "after")
    assert [line.text for line in reader.lines()] == ["after"]


def test_torn_and_foreign_lines_are_passed_over_and_counted(tmp_path: Path) -> None:
    log, _ = log_in(tmp_path, ManualClock())
    log.say("a", "first")
    with log.path.open("ab") as file:
        file.write(b'{"at": 1}\nnonsense\n[' + b"x" * (2 << 20) + b"\n" + b'{"at":"2025-06-15T15')
    log.say("a", "second")
    reader = LogReader(tmp_path / "logs")
    assert [line.text for line in reader.lines()] == ["first", "second"]
    assert reader.damaged >= 4


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"[" * 100_000, b'{"at":"x"}', b"\xff"])
def test_what_is_no_line_is_none(data: bytes) -> None:
    assert read_line(data) is None


def test_lines_of_all_processes_come_in_the_order_of_time(tmp_path: Path) -> None:
    clock = ManualClock()
    watch, _ = log_in(tmp_path, clock)
    runner = ServiceLog(tmp_path / "logs", "runner", LogConfig(), clock, print)
    watch.say("a", "one")
    asyncio.run(clock.advance(1))
    runner.say("b", "two", "error", operation="x-1")
    asyncio.run(clock.advance(1))
    watch.say("a", "three", "warning")
    assert texts(tmp_path) == ["one", "two", "three"]
    assert [line.text for line in read(tmp_path, Wanted(level="warning"))] == ["two", "three"]
    assert [line.text for line in read(tmp_path, Wanted(processes=("watch",)))] == ["one", "three"]
    assert [line.text for line in read(tmp_path, Wanted(pattern=pattern_of("OPERATION=X-")))] == ["two"]
    assert [line.text for line in read(tmp_path, Wanted(since_ns=clock.now_ns()))] == ["three"]


# where it cannot be written


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")
async def test_a_full_disk_is_said_once_and_afterwards_what_was_lost(tmp_path: Path) -> None:
    clock = ManualClock()
    with small_disk(tmp_path / "logs", 64 << 10) as disk:
        log, told = log_in(tmp_path, clock)
        (disk / "filler").write_bytes(b"x" * (56 << 10))
        for number in range(100):
            log.say("a", f"{number} " + "x" * 500)
        assert len(told) == 1
        assert "No space left" in told[0]
        kept = len(texts(tmp_path))
        assert all(read_line(line) for line in log.path.read_bytes().splitlines()), "no line is cut off"
        (disk / "filler").unlink()
        await clock.advance(1)
        log.say("a", "there is room again")
        assert texts(tmp_path)[-1] == "there is room again"
        assert texts(tmp_path)[-2].startswith(f"{100 - kept} lines since")
        assert len(told) == 1


def test_a_folder_that_cannot_be_made_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file stands in the way")
    log, told = log_in(tmp_path, ManualClock())
    log.say("a", "one")
    log.say("a", "two")
    log.close()
    assert len(told) == 1
    assert "cannot be written" in told[0]


def test_an_unwritable_folder_stops_no_process() -> None:
    with folder_of_nobody() as folder:
        (folder / "logs").mkdir()
        give_to_nobody(folder)
        (folder / "logs").chmod(0o500)
        told = subprocess.run(
            [*as_nobody(), sys.executable, "-c", WRITER.replace("sys.exit", "print"), str(folder / "logs"), "1"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == 0, told.stderr
        assert told.stdout.count("cannot be written") == 1


def test_who_hears_of_a_problem_may_log_it(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("")
    heard: list[str] = []

    def tell(problem: str) -> None:
        heard.append(problem)
        log.say("problem", problem)

    log = ServiceLog(tmp_path / "logs", "watch", LogConfig(), ManualClock(), tell)
    log.say("a", "one")
    assert len(heard) == 1


def test_the_folder_may_be_tidied_away_meanwhile(tmp_path: Path) -> None:
    import shutil

    file = SharedFile(tmp_path / "logs", "watch", LogConfig())
    line = LogLine(SystemClock().now_ns(), "info", "watch", 1, "a", "text")
    file.append(line.written())
    shutil.rmtree(tmp_path / "logs")
    file.append(replace(line, text="again").written())
    assert texts(tmp_path) == ["again"]
