"""The command of every unit does its work as another user, with the folders, calls and environment that it is left."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.interpreter import SHOW_INTERPRETER, interpreter_places
from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.privileges import give_to_nobody

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user"),
    pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd"),
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace"),
]
JOBS = ("poll", "backup", "verify", "rehearse", "ready", "retention", "seal", "report-daily")
# What a manager of units does before it starts a command, in words of the shell. $1: the folders it may write into;
# $2 and $3: where and which calls are written down.
SANDBOX = """
for folder in $1; do mount --bind "$folder" "$folder"; done
mount -t tmpfs devices /mnt
for device in null zero full random urandom tty; do touch /mnt/$device; mount --bind /dev/$device /mnt/$device; done
mkdir /mnt/shm; mount -t tmpfs shm /mnt/shm
mount --move /mnt /dev
mount -t proc -o hidepid=invisible proc /proc
mount --bind "$CHECKOUT" /media
mount -t tmpfs -o mode=1777 private /tmp
mount -t tmpfs -o mode=1777 private /var/tmp
case $CHECKOUT in
    /tmp/*|/var/tmp/*) (umask 022; mkdir -p "$CHECKOUT"); mount --move /media "$CHECKOUT" ;;
    *) umount /media ;;
esac
mount -o remount,bind,ro /
trace=$2; calls=$3; shift 3
unset HIDING PREFIX CHECKOUT
exec strace -f -qq --seccomp-bpf -e "trace=execve,$calls" -e signal=none -o "$trace" \
    setpriv --reuid=nobody --regid=nogroup --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""


@pytest.fixture
def outside_tmp() -> Iterator[Path]:
    """A folder that a private /tmp does not hide."""
    folder = Path(tempfile.mkdtemp(prefix="quri-console-test-", dir="/srv"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def syscalls(group: str) -> set[str]:
    """The system calls of a group of systemd's, and of the groups in it."""
    shown = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    found: set[str] = set()
    for line in shown.stdout.splitlines()[1:]:
        word = line.split("#")[0].strip()
        found |= syscalls(word) if word.startswith("@") else {word} if word else set()
    return found


def refused(unit: dict[str, list[str]]) -> set[str]:
    """The system calls that a unit's filters do not let through."""
    first, *others = unit["SystemCallFilter"]
    allowed = syscalls(first)
    for line in others:
        assert line.startswith("~")
        for group in line[1:].split():
            allowed -= syscalls(group)
    return syscalls("@known") - allowed


def read_unit(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def command_of(unit: dict[str, list[str]], trace: Path) -> list[str]:
    """The unit's command in the unit's surroundings; calls that the unit refuses end up in `trace`."""
    (line,), (writes,) = unit["ExecStart"], unit["ReadWritePaths"]
    words = [word.replace("$$", "$").replace("%%", "%") for word in shlex.split(line)]
    folders = " ".join(word.removeprefix("-") for word in shlex.split(writes) if Path(word.removeprefix("-")).exists())
    calls = ",".join(f"?{name}" for name in sorted(refused(unit)))
    return [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-euc",
        SHOW_INTERPRETER + SANDBOX,
        "sh",
        folders,
        str(trace),
        calls,
        *words,
    ]


def refused_calls(trace: Path) -> list[str]:
    """The calls that were made although the unit refuses them; what became the user before it began is left out."""
    lines = trace.read_text().splitlines()
    began = next(
        number for number, line in enumerate(lines) if "execve(" in line and "quri-console" in line.split(",")[0]
    )
    return [line for line in lines[began:] if "execve(" not in line]


async def run(unit: dict[str, list[str]], trace: Path) -> tuple[int, str]:
    environment = {
        **interpreter_places(),
        # one that lies in /tmp must be seen all the same: it stands for a program that is installed
        "CHECKOUT": str(Path.cwd()),
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
        "HOME": "/nonexistent", "USER": "nobody", "LOGNAME": "nobody", "SHELL": "/usr/sbin/nologin",
        "INVOCATION_ID": "0" * 32,
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command_of(unit, trace), env=environment, cwd="/", umask=0o077,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 300)
    assert process.returncode is not None
    return process.returncode, output.decode()


async def prepared(operator: Operator) -> Path:
    """Units for all kinds of jobs, due every minute, under another user whose the folders are."""
    folder = operator.folder
    text = "[schedules]\n"
    for job in JOBS:
        more = 'canisters = ["registry"]\n' if job in ("backup", "ready") else ""
        more += 'folder = "sealed"\n' if job == "seal" else ""
        text += f'[schedules.{job}]\njob = "{job}"\ncron = "* * * * *"\nenabled = true\n{more}'
    operator.config.write_text(operator.config.read_text() + text)
    units = folder / "units"
    done = (
        await operator(
            "schedule", "install", "--systemd", "--system", "--as", "nobody", "--directory", str(units), "--json"
        )
    ).json()
    (make,) = [step for step in done["next"] if "mkdir" in step]
    assert make.startswith("sudo -u nobody mkdir -p ")
    subprocess.run(shlex.split(make)[3:], check=True)  # noqa: ASYNC221 - over at once
    give_to_nobody(folder)
    return units


async def test_the_command_of_every_unit_does_its_work_in_the_unit_s_surroundings(outside_tmp: Path) -> None:
    async with operator_on_fleet(outside_tmp) as operator:
        units = await prepared(operator)
        ended: dict[str, object] = {}
        for job in JOBS:
            unit = read_unit(units / f"quri-console-local-{job}.service")
            trace = outside_tmp / "console" / "state" / "trace"
            code, output = await run(unit, trace)
            ended[job] = (code, refused_calls(trace), output if code else "")
        assert ended == {job: (0, [], "") for job in JOBS}
        trace.unlink()
        assert {path.owner() for path in (outside_tmp / "console").rglob("*")} == {"nobody"}
        assert len(operator.backups()) == 1
        assert len(list((outside_tmp / "sealed").glob("*.tar*"))) == 1
        assert len(list((outside_tmp / "console" / "state" / "reports").iterdir())) == 1
