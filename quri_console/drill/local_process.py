"""A local network in a process of its own, for as long as a drill lasts."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from quri_console.errors import QuriError

START_SECONDS = 60.0
STOP_SECONDS = 10.0


class LocalNetworkFailed(QuriError):
    """The local network's process ended before it served, or did not do what was ordered."""


@dataclass(frozen=True, slots=True)
class LocalNetwork:
    """A running local network; `config` is a ready configuration for it."""

    url: str
    config: Path


class LocalProcess:
    """Starts the process at once and answers later, so that a caller can import heavy modules meanwhile."""

    def __init__(self, folder: Path, arguments: Sequence[str]) -> None:
        self.folder = folder
        self._asking = threading.Lock()
        self._log_path = folder / "localnet.log"
        self._log = self._log_path.open("wb")
        # The process ends when its standard input does, so that even kill -9 of this one leaves nothing behind.
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "quri_console", "localnet", "--json", "--until-eof"),
                *("--state", str(folder / "network"), *arguments),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
        )

    def wait_until_serving(self) -> LocalNetwork:
        """Block until the network serves. Raises LocalNetworkFailed."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], START_SECONDS)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            said = self._log_path.read_text(errors="replace").strip()[-500:]
            raise LocalNetworkFailed(
                "the local network did not start",
                why=said or f"it was silent for {START_SECONDS:.0f} s",
                next_step="Run `quri-console localnet` by itself to see what it says.",
            )
        announcement = json.loads(line)
        return LocalNetwork(announcement["url"], Path(announcement["config"]))

    def order(self, order: str, **fields: str | int) -> None:
        """Order something of a network that was started with `--orders` and serves. Raises LocalNetworkFailed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            with self._asking:
                self._process.stdin.write(json.dumps({"order": order, **fields}).encode() + b"\n")
                self._process.stdin.flush()
                answer = json.loads(self._process.stdout.readline() or b'{"error": "it has ended"}')
        except BrokenPipeError as error:
            raise LocalNetworkFailed("the local network has ended") from error
        if "error" in answer:
            raise LocalNetworkFailed(f"the local network refused the order {order!r}", why=answer["error"])

    def stop(self) -> None:
        """End the process and wait for it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()


@contextmanager
def local_process(arguments: Sequence[str] = ("--fleet",)) -> Iterator[LocalProcess]:
    """A local network started with these further arguments; everything it keeps vanishes with the block."""
    with tempfile.TemporaryDirectory(prefix="quri-demo-") as folder:
        process = LocalProcess(Path(folder), arguments)
        try:
            yield process
        finally:
            process.stop()
