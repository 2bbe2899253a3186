"""Time from `quri-console demo` to the first screen that shows the fleet with its cycles.

Usage: python tests/benchmarks/demo_start.py [RUNS]. The first run warms the compiled modules and is dropped.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import statistics
import struct
import sys
import termios
import time

import pyte

COLUMNS, ROWS = 120, 40
LIMIT_SECONDS = 60.0
CYCLES_OF_A_CANISTER = re.compile(r"rune-engine.*\d (?:M|B|T)\b")


def seconds_to_painted_table() -> float:
    """Start the demo in a pseudo-terminal and return when the table stands on its screen."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    started = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
        os.execv(sys.executable, [sys.executable, "-m", "quri_console", "demo"])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    try:
        while time.monotonic() - started < LIMIT_SECONDS:
            if not select.select([terminal], [], [], 0.5)[0]:
                continue
            arrived = os.read(terminal, 1 << 16)
            at = time.monotonic()
            # pyte does not know the kitty and mode queries that Textual sends
            stream.feed(re.sub(rb"\x1b\[[<>=?][0-9;]*\$?[a-z]", b"", arrived))
            if any(CYCLES_OF_A_CANISTER.search(line) for line in screen.display):
                return at - started
    finally:
        os.write(terminal, b"q")
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        os.close(terminal)
    raise SystemExit("the table was not painted:\n" + "\n".join(screen.display))


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    times = [seconds_to_painted_table() for _ in range(runs + 1)][1:]
    print(f"demo to painted table: median {statistics.median(times):.2f} s of {runs} (budget 3 s)")


if __name__ == "__main__":
    main()
