"""A real sshd on loopback with keys of its own, for whoever runs the tests."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

SSHD = Path("/usr/sbin/sshd")
PRIVILEGE_SEPARATION = Path("/run/sshd")


@dataclass(frozen=True)
class SshServer:
    """How to reach it."""

    port: int
    key: Path

    def command(self, *remote: str) -> list[str]:
        """`ssh` with a terminal, running a command line there."""
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "IdentitiesOnly=yes")
        return [
            "ssh",
            "-tt",
            "-F",
            "none",
            *(part for option in options for part in ("-o", option)),
            "-i",
            str(self.key),
            "-p",
            str(self.port),
            f"{getpass.getuser()}@127.0.0.1",
            shlex.join(remote),
        ]


@contextmanager
def ssh_server(folder: Path) -> Iterator[SshServer]:
    """Run one in the foreground of a process that ends with the test; skips where it is not installed."""
    if not SSHD.exists() or shutil.which("ssh") is None:
        pytest.skip("openssh-server is not installed")
    if os.geteuid() == 0:
        PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    server = SshServer(_free_port(), folder / "user")
    log = folder / "sshd.log"
    process = subprocess.Popen([SSHD, "-D", "-f", _configured(folder, server.port), "-E", log])
    try:
        _wait_until_it_answers(server.port, process, log)
        yield server
    finally:
        process.terminate()
        process.wait()


def _configured(folder: Path, port: int) -> Path:
    for name in ("host", "user"):
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name))
    authorized = folder / "authorized_keys"
    authorized.write_text((folder / "user.pub").read_text())
    authorized.chmod(0o600)
    path = folder / "sshd_config"
    path.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nPidFile none\n"
        f"AuthorizedKeysFile {authorized}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n"
    )
    return path


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_answers(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"sshd does not answer: {log.read_text() if log.exists() else ''}")
            time.sleep(0.05)


def processes_with(text: str) -> Sequence[int]:
    """Ids of processes whose command line has this text."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:  # it has ended meanwhile
                continue
            if text in command:
                found.append(int(entry.name))
    return found
