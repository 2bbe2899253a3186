"""The figures of DESIGN §8 that do not depend on the machine: bytes on the wire, and what is loaded before a picture.

Times, memory and processor shares are printed by tests/benchmarks/console.py.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.consoles import FLEET, closed_port, write_config
from tests.support.large_fleet import DRIVER, SECOND, Fed, name_of, write_history
from tests.support.pty_console import PtyConsole
from tests.support.terminals import reaction, settle

pytestmark = pytest.mark.timeout(120)

IDLE_BYTES = 1_200
TICK_BYTES = 1_500
ALL_ROWS_BYTES = 5_000
KEY_BYTES = 1_100
VISIBLE_ROWS = 25
"""At least so many of 1,000 rows stand on 120×40."""
NOT_BEFORE_THE_PICTURE = {"httpx", "cryptography", "wasmtime", "plotext", "py_arkworks_bls12381", "pyrage", "starlette"}


@pytest.fixture(scope="module")
def fed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PtyConsole, Fed]]:
    """The real console on 120×40 with 1,000 canisters, whose pictures the test asks for."""
    feeding = Fed(tmp_path_factory.mktemp("fed"))
    with PtyConsole(feeding.arguments, argv=DRIVER, columns=120, rows=40) as console:
        console.wait_for(name_of(VISIBLE_ROWS), "Quit", "polled every")
        settle(console)
        yield console, feeding


def test_nothing_is_written_while_nothing_changes(fed: tuple[PtyConsole, Fed]) -> None:
    console, feeding = fed
    found = reaction(console, lambda: feeding.tell("same"), seconds=10)
    assert found.size <= IDLE_BYTES, found.data


def test_a_tick_that_changes_ten_rows_of_a_thousand(fed: tuple[PtyConsole, Fed]) -> None:
    console, feeding = fed
    for _ in range(3):
        found = reaction(console, lambda: feeding.tell("rows 10"))
        assert 0 < found.size <= TICK_BYTES, found.data


def test_a_tick_that_changes_every_row_on_the_screen(fed: tuple[PtyConsole, Fed]) -> None:
    console, feeding = fed
    for _ in range(3):
        found = reaction(console, lambda: feeding.tell("rows 1000"))
        assert VISIBLE_ROWS * 3 < found.size <= ALL_ROWS_BYTES, found.data


def test_a_cursor_key(fed: tuple[PtyConsole, Fed]) -> None:
    console, _ = fed
    for _ in range(3):
        found = reaction(console, lambda: console.press("j"))
        assert 0 < found.size <= KEY_BYTES, found.data


def test_a_thousand_canisters_are_scrolled_by_pages(fed: tuple[PtyConsole, Fed]) -> None:
    console, _ = fed
    console.press("G")
    console.wait_for(name_of(999))
    console.press("\x1b[5~" * 40)
    console.wait_for(name_of(0))
    settle(console)
    assert "Traceback" not in console.screen()


def test_what_something_else_wrote_on_the_screen_goes_when_asked(fed: tuple[PtyConsole, Fed]) -> None:
    console, _ = fed
    found = reaction(console, lambda: console.press("\x0c"))
    assert found.size > ALL_ROWS_BYTES


def test_a_resized_terminal_is_drawn_whole(fed: tuple[PtyConsole, Fed]) -> None:
    console, _ = fed
    for columns, rows in ((110, 36), (120, 40)):
        found = reaction(console, lambda columns=columns, rows=rows: console.resize(columns, rows))  # type: ignore[misc]
        assert found.size > ALL_ROWS_BYTES
        console.wait_for(name_of(VISIBLE_ROWS - 5), "Quit")


def test_a_console_cut_off_from_its_network_is_as_quiet(tmp_path: Path) -> None:
    config = write_config(tmp_path, url=f"http://127.0.0.1:{closed_port()}")
    write_history(
        tmp_path / "root" / "state" / "history.sqlite", tuple(FLEET.values()), now_ns=time.time_ns() - 300 * SECOND
    )
    with PtyConsole(["--config", str(config)], columns=120, rows=40) as console:
        console.wait_for(*FLEET, "NO ANSWER")
        settle(console)
        assert reaction(console, lambda: None, seconds=10).size <= IDLE_BYTES


def test_the_first_picture_needs_nothing_of_the_network(tmp_path: Path) -> None:
    config = write_config(tmp_path, url=f"http://127.0.0.1:{closed_port()}")
    write_history(tmp_path / "root" / "state" / "history.sqlite", tuple(FLEET.values()), now_ns=time.time_ns())
    program, found = tmp_path / "program.py", tmp_path / "modules.json"
    program.write_text(
        "import json, os, sys\n"
        "from quri_console.service.thread import ServiceThread\n"
        "publish = ServiceThread._publish_unless_stopping\n"
        "def first(self, fleet):\n"
        "    ServiceThread._publish_unless_stopping = publish\n"
        f"    with open({str(found)!r} + '.part', 'w') as file:\n"
        "        json.dump([sorted(sys.modules), [view.cycles for view in fleet.canisters]], file)\n"
        f"    os.rename({str(found)!r} + '.part', {str(found)!r})\n"
        "    publish(self, fleet)\n"
        "ServiceThread._publish_unless_stopping = first\n"
        "from quri_console.cli.main import main\n"
        "main()\n"
    )
    with PtyConsole(["--config", str(config)], argv=[sys.executable, str(program)]) as console:
        console.wait_for(*FLEET, "5 T")
        modules, cycles = json.loads(found.read_text())
        console.press("q")
        console.seconds_to_end()
    assert cycles == [5_000_000_000_000] * len(FLEET)
    assert {name.partition(".")[0] for name in modules} & NOT_BEFORE_THE_PICTURE == set()
