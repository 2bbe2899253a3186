"""A crontab and a file of /etc/cron.d, installed by the command and run by a real cron, each as its own user."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.interpreter import SHOW_INTERPRETER, interpreter_places
from tests.support.operator_command import operator_on_fleet
from tests.support.privileges import NOBODY, folder_of_nobody, give_to_nobody

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="cron runs as root"),
    pytest.mark.skipif(shutil.which("cron", path="/usr/sbin:/sbin:/usr/bin") is None, reason="needs cron"),
]
MINE = '[schedules.now]\njob = "backup"\ncron = "* * * * *"\ncanisters = ["registry"]\n'
THEIRS = '[schedules.told]\njob = "report-daily"\ncron = "* * * * *"\n'
# the machine's own tables stay out of sight; $1 is a folder for ours, $2 and $3 are the two configurations
CRON = """
mount --bind "$1/crontabs" /var/spool/cron/crontabs
mount --bind "$1/cron.d" /etc/cron.d
mount --bind /dev/null /etc/crontab
mount -t tmpfs -o mode=755 run /run
unset HIDING PREFIX
"$PYTHON" -m quri_console --config "$2" schedule install --cron
"$PYTHON" -m quri_console --config "$3" schedule install --cron --system --as nobody
crontab -l > "$1/table"
crontab -n "$1/table"
crontab -n /etc/cron.d/quri-console-local
exec /usr/sbin/cron -f
"""


async def until(seen: Callable[[], bool], process: asyncio.subprocess.Process) -> None:
    """Cron begins what is due at the next full minute."""
    async with asyncio.timeout(150):
        while not seen() and process.returncode is None:  # noqa: ASYNC110 - other processes make it
            await asyncio.sleep(0.2)


async def test_cron_accepts_what_is_installed_and_runs_it_as_the_user_that_it_names() -> None:
    with folder_of_nobody() as folder:
        folder.chmod(0o755)
        async with operator_on_fleet(folder) as operator:
            theirs = folder / "theirs"
            for name in ("theirs", "cron/crontabs", "cron/cron.d"):
                (folder / name).mkdir(parents=True)
            shutil.copy(operator.config, theirs)
            (theirs / "config.toml").write_text(operator.config.read_text() + THEIRS)
            operator.config.write_text(operator.config.read_text() + MINE)
            give_to_nobody(theirs)
            other = replace(operator, config=theirs / "config.toml")
            process = await asyncio.create_subprocess_exec(
                "unshare", "--mount", "--propagation", "private", "sh", "-euc", SHOW_INTERPRETER + CRON, "sh",
                str(folder / "cron"), str(operator.config), str(other.config),
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHON": sys.executable, **interpreter_places()},
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            try:
                reports = theirs / "console" / "state" / "reports"
                await until(lambda: bool(operator.backups()) and any(reports.glob("*")), process)
            finally:
                if process.returncode is None:
                    process.terminate()
                output, _ = await process.communicate()
            assert process.returncode == -signal.SIGTERM, output.decode()
            table = (folder / "cron" / "table").read_text()
            assert table.count("schedule run now --if-due") == 1
            for who, name, owner in ((operator, "now", 0), (other, "told", NOBODY)):
                runs = (await who("schedule", "explain", name, "--json")).json()["runs"]
                assert {(run["by"], run["outcome"]) for run in runs} <= {("timer", "done"), ("timer", "running")}, (
                    output
                )
                assert {
                    path.stat().st_uid for path in (who.config.parent / "console" / "state" / "schedules").iterdir()
                } == {owner}
