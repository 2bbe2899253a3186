"""A disk that is full at 02:00: what was to be run is said not to have been, and runs when there is space again."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.privileges import small_disk
from tests.support.schedule_world import DAILY, World, world
from tests.support.webhook_receiver import webhook_receiver

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
MIB = 1 << 20


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """No byte is free meanwhile."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        for size in (MIB, 4096, 512):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))
    try:
        yield
    finally:
        filler.unlink()


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    with small_disk(tmp_path / "disk", 64 * MIB):
        async with operator_on_fleet(tmp_path) as found:
            yield found


async def test_a_repository_on_a_full_disk_fails_the_backup_in_words_and_the_next_one_works(operator: Operator) -> None:
    async with webhook_receiver() as receiver:
        secret = operator.folder / "hook.url"
        secret.write_text(receiver.url)
        secret.chmod(0o600)
        text = '[channels.ops]\nkind = "generic"\nurl_file = "hook.url"\n[repository]\npath = "disk/repository"\n'
        text += '[schedules.now]\njob = "backup"\ncron = "* * * * *"\ncanisters = ["registry"]\n'
        operator.config.write_text(operator.config.read_text() + text)
        assert (await operator("schedule", "run", "now")).code == 0
        with full(operator.folder / "disk"):
            failed = await operator("schedule", "run", "now")
            assert failed.code == 1
            assert "Free some space" in failed.output
            shown = (await operator("schedule", "list")).output
            assert "failed: `backup` ended with exit code 14: " in shown
            assert "Free some space" in shown
            explained = (await operator("schedule", "explain", "now")).output
            assert "Free some space" in explained
            assert '"exit_code"' not in explained
            # whoever delivers next sends it
            await operator("monitor", "--notify", "--quiet")
            assert any("Schedule now (backup) on local failed" in str(item.json()) for item in receiver.received)
        (registry,) = [
            item
            for item in (await operator("status", "--live", "--json")).json()["canisters"]
            if item["name"] == "registry"
        ]
        assert registry["status"] == "running"
        assert (await operator("schedule", "run", "now")).code == 0
        assert (await operator("check", "--read-data")).code == 0
        assert len(operator.backups()) == 2


async def test_a_history_on_a_full_disk_is_said_and_sent_past_it_and_caught_up_with(tmp_path: Path) -> None:
    with small_disk(tmp_path / "root", 8 * MIB) as disk:
        async with webhook_receiver() as receiver:
            secret = tmp_path / "hook.url"
            secret.write_text(receiver.url)
            secret.chmod(0o600)
            channel = '[channels.ops]\nkind = "generic"\nurl_file = "hook.url"\n'
            async with world(tmp_path, DAILY + channel, "2025-01-01 00:00:00") as here:
                host = here.host(look_seconds=1_800)
                await here.until("2025-01-01 01:00:00")
                with full(disk):
                    await nothing_runs(here, "2025-01-01 05:10:00")
                    said = [text for text in host.said if "full" in text or "No space" in text]
                    assert said
                    # within four hours it is said at most once an hour, and sent as often
                    assert len(said) <= 6
                    sent = [str(item.json()) for item in receiver.received]
                    assert len(sent) == len(said)
                    assert all("nothing can be run" in text for text in sent)
                    assert "Free some disk space" in sent[0]
                await here.until("2025-01-01 06:10:00")
                assert [outcome for _, outcome, _ in await here.outcomes("nightly")] == ["done"]
                assert here.jobs.times("check")[0] > "2025-01-01 05:10"


async def nothing_runs(here: World, until: str) -> None:
    await here.until(until)
    assert here.jobs.begun == []


async def test_a_timer_s_command_says_and_sends_that_the_state_folder_is_full(operator: Operator) -> None:
    async with webhook_receiver() as receiver:
        secret = operator.folder / "hook.url"
        secret.write_text(receiver.url)
        secret.chmod(0o600)
        operator.edit('root = "console"', 'root = "disk"')
        text = '[channels.ops]\nkind = "generic"\nurl_file = "hook.url"\n'
        text += '[schedules.check]\njob = "verify"\ncron = "* * * * *"\n'
        operator.config.write_text(operator.config.read_text() + text)
        assert (await operator("backup", "registry")).code == 0
        assert (await operator("schedule", "run", "check", "--if-due")).code == 0
        with full(operator.folder / "disk"):
            refused = await operator("schedule", "run", "check", "--if-due")
            assert refused.code == 1
            assert "Free some disk space" in refused.errors
            (sent,) = receiver.received
            assert "Schedule check on local: nothing can be run" in sent.json()["title"]
        assert (await operator("schedule", "run", "check")).code == 0
