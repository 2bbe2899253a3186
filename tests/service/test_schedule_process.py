"""A job is a process of its own: bound to its deadline, its output kept, and never twice at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from quri_console.clock import ManualClock, SystemClock
from quri_console.errors import LockedError
from quri_console.service.schedule_process import LOG_BYTES, Job, JobEnd, JobFiles, Processes

HOLD = "import sys, time; print('ready', file=sys.stderr, flush=True); time.sleep(1000)"


def files_of(folder: Path) -> JobFiles:
    return JobFiles(folder / "schedules", "local", "nightly")


async def began(files: JobFiles) -> None:
    for _ in range(2_000):
        if files.log.exists() and "ready" in files.log.read_text():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the job did not begin")


async def test_what_a_command_says_is_kept_and_its_document_read(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    code = "import sys; print('{\"cycles\": 7}'); print('went well', file=sys.stderr); sys.exit(3)"
    with files.held() as lock:
        end = await Processes(SystemClock(), ("-c", code))(("word",), Job(files, lock, 60))
    assert end == JobEnd(3, "went well", {"cycles": 7})
    assert files.log.read_text().splitlines()[0].endswith(" word")
    assert files.log.stat().st_mode & 0o777 == 0o600


async def test_what_a_job_says_is_broken_for_no_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    files = files_of(tmp_path)
    code = "import os; print(os.environ.get('COLUMNS'), os.environ['NO_COLOR'])"
    with files.held() as lock:
        end = await Processes(SystemClock(), ("-c", code))((), Job(files, lock, 60))
    assert end == JobEnd(0, "None 1")


async def test_one_that_hangs_is_ended_at_its_deadline_with_all_that_it_started(tmp_path: Path) -> None:
    files, clock = files_of(tmp_path), ManualClock()
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLD!r}])"
    with files.held() as lock:
        work = asyncio.create_task(Processes(clock, ("-c", child))((), Job(files, lock, 3_600)))
        await began(files)
        await clock.advance(3_599)
        assert not work.done()
        await clock.advance(1)
        assert (await work).exit_code is None
    assert not files.busy()


async def test_a_job_that_outlives_its_watch_keeps_others_out_until_it_is_gone(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    with files.held() as lock:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLD, pass_fds=(lock,), stderr=-3)
    assert files.busy()
    with pytest.raises(LockedError), files.held():
        pass
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    assert not files.busy()


async def test_a_large_log_is_put_aside_and_only_one_is_kept(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    with files.held() as lock:
        for text in ("first", "second"):
            files.log.write_text(text + "x" * LOG_BYTES)
            await Processes(SystemClock(), ("-c", ""))((), Job(files, lock, 60))
    assert files.log.with_name(f"{files.log.name}.1").read_text().startswith("second")
    assert files.log.stat().st_size < 1_000
    assert sorted(path.name for path in files.folder.iterdir()) == [
        "local.nightly.lock", "local.nightly.log", "local.nightly.log.1", "local.nightly.out"
    ]  # fmt: skip
