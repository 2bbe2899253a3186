"""Text of strangers in every view of a real process: escape sequences, directions, widths, markup, ten megabytes."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.localnet.faults import FaultRule, Refuse, RejectCall
from tests.support.consoles import FLEET
from tests.support.damaged_canister import CANISTER
from tests.support.legacy_backups import LegacyRun, canister_texts, write_directory
from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.pty_console import PtyConsole
from tests.support.terminals import settle

pytestmark = pytest.mark.timeout(240)

MARK = "XEVILX"
"""By this a test sees that the text was shown at all."""
HOSTILE = (
    f"{MARK}\x1b[31m\x1b]52;c;cm0gLXJmIC8=\x07\x1b[2J\x1b[?1049l\x1bP+q\x1b\\\x9b31m\x9d0;t\x9c"
    "\u202eLTR\u2066\u200b\u200d\ufeff𝕏 \U0001f468\u200d\U0001f469\u200d\U0001f467 e\u0301\u0301\u0301\u0301 ｗｉｄｅ "
    "[bold red]markup[/] [@click=app.quit]x[/] \r\n\t\x00\x08\x7fend"
)
RAW = [
    b"\x1b[31m\x1b]52",
    b"cm0gLXJmIC8=\x07",
    b"\x1bP+q",
    *(text.encode() for text in ("\x9b", "\x9d", "\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\x7f")),
    b"\x08",
    b"\x00",
]
"""What must never be among the bytes that reach a terminal; a clipboard is only written to when somebody copies."""
SHOW = os.environ.get("QURI_SHOW_SCREENS")
"""Set it to look at every screen with one's own eyes (`pytest -s`)."""


@contextmanager
def opened(operator: Operator, *arguments: str, columns: int = 100) -> Iterator[PtyConsole]:
    with PtyConsole(["--config", str(operator.config), *arguments], columns=columns, rows=40) as console:
        console.wait_for(*FLEET, "q Quit")
        yield console
        if SHOW:
            print(console.screen())
        for raw in RAW:
            assert raw not in console.received, (raw, console.screen())
        assert b"Traceback" not in console.received
        assert console.process.poll() is None, console.screen()


def shows(console: PtyConsole, key: str, *texts: str) -> str:
    """Press a key; the whole screen, on which the frame of the console still stands."""
    console.press(key)
    screen = console.wait_for(*texts)
    if SHOW:
        print(f"───── {key!r}\n{screen}")
    return screen


async def test_words_of_the_network_and_of_people_in_every_view(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        operator.edit('interval = "5s"', 'interval = "1s"')
        assert (await operator("backup", "registry", "--reason", "INC-1 " + HOSTILE.replace("\x00", ""))).code == 0
        assert (await operator("status", "--live")).code == 0
        canister = operator.net.network.subnet.get(CANISTER.bytes)
        for number in range(3):
            canister.log.append(HOSTILE.encode(errors="replace"), operator.net.server.clock.now_ns() + number, 4096)
        canister.log.append(b"\xff\xfe" + MARK.encode() + b"\x1b[2J", operator.net.server.clock.now_ns() + 9, 4096)
        rejected = FaultRule(RejectCall("IC0503", HOSTILE), method="canister_status", count=None)
        operator.net.faults.add(replace(rejected, canister=CANISTER.bytes))

        def look() -> None:
            with opened(operator) as console:
                shows(console, "1", "refused by the network", MARK)
                for key, there, back in (
                    ("l", ("Log of rune-engine", MARK), "Seen"),
                    ("n", ("Notices",), "Seen"),
                ):
                    shows(console, key, *there)
                    leave(console, back)
                shows(console, "2", "Forecasts right")
                shows(console, "4", "Rule", "stale", "backup-overdue")
                choose(console, "rune-engine: rejected")
                console.wait_for("rune-engine: rejected", MARK)
                shows(console, "5", "INC-1 ", MARK, "Operation")
                for key, text in (
                    ("s", "takes a snapshot"),
                    ("l", "Its log is empty"),
                    ("a", "registry"),
                    ("m", "q Quit"),
                    ("d", "Doctor"),
                ):
                    shows(console, key, text)
                    shows(console, "4", "Rule")
                    shows(console, "5", "Kind")
                shows(console, "\r", "Done: Backup")
                leave(console, "Kind")
                shows(console, "1", "Seen")

        await asyncio.to_thread(look)


def choose(console: PtyConsole, text: str) -> None:
    """Go down until a row is chosen of which something is said; their order changes while alerts are pending."""
    console.press("g")
    for _ in range(30):
        settle(console, quiet=0.2)
        if text in console.screen():
            return
        console.press("j")
    pytest.fail(f"{text!r} cannot be chosen:\n{console.screen()}")


def leave(console: PtyConsole, *texts: str) -> None:
    """Esc, and the screen below: a key right behind it would be taken for Alt and that key."""
    shows(console, "\x1b", *texts)


async def test_a_boundary_node_that_answers_with_control_codes(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        operator.edit('interval = "5s"', 'interval = "1s"')
        assert (await operator("status", "--live")).code == 0
        operator.net.faults.add(FaultRule(Refuse(500, text=HOSTILE), count=None))

        def look() -> None:
            with opened(operator) as console:
                shows(console, "1", "answered HTTP 500", MARK)
                shows(console, "l", "Log of rune-engine")
                leave(console, "Seen")
                shows(console, "b", "Back up", "Esc")
                leave(console, "Seen")
                shows(console, "4", "unreachable", MARK)

        await asyncio.to_thread(look)


async def test_a_legacy_backup_with_a_hostile_name_is_refused_and_its_values_are_shown_harmlessly(
    tmp_path: Path,
) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        texts = canister_texts()
        evil_name = write_directory(tmp_path / "names", LegacyRun(canisters=(replace(texts, name=f"{MARK}\x1b[31m"),)))
        done = await operator("import", str(evil_name))
        assert done.code == 13
        assert MARK in done.errors
        assert not any(raw.decode() in done.output + done.errors for raw in RAW)
        values = replace(
            texts,
            status=(texts.status or "").replace("Log visibility: controllers", f"Log visibility: {HOSTILE}"),
            export=f'("{HOSTILE}")\n',
        )
        huge = replace(canister_texts("registry"), export=MARK + "\x1b[31my" * 2_000_000)
        folder = write_directory(tmp_path / "values", LegacyRun(canisters=(values, huge), network="local"))
        done = await operator("import", str(folder))
        assert done.code == 0, done
        assert not any(raw.decode() in done.output + done.errors for raw in RAW)

        def look() -> None:
            with opened(operator) as console:
                shows(console, "3", "legacy")
                shows(console, "\r", "registry")
                console.press("j")
                shows(console, "d", "Compare")
                leave(console, "legacy")
                console.press("j")
                shows(console, "d", "Compare")
                leave(console, "legacy")

        await asyncio.to_thread(look)


async def test_theme_files_with_hostile_names_and_values(tmp_path: Path) -> None:
    folder = tmp_path / "themes"
    folder.mkdir()
    (folder / f"{MARK}\x1b[31m\u202e.toml").write_text('name = "x"\n')
    broken = f'name = "{MARK}\\u001b[31m"\n"\\u202e{MARK}" = 1\n[colours]\nprimary = "\\u001b]52"\n'
    (folder / "broken.toml").write_text(broken)
    (folder / "monstrous.toml").write_text(f'name = "{"z" * 10_000_000}"\n')
    async with operator_on_fleet(tmp_path) as operator:

        def look() -> None:
            with opened(operator, "--theme-dir", str(folder)) as console:
                shows(console, "1", MARK)
                screen = shows(console, "n", f"Themes: {MARK}")
                assert screen.count("monstrous.toml") == 1, "the folder beside the configuration is the chosen one"
                leave(console, "Health")
                shows(console, "T", "those of the terminal")

        await asyncio.to_thread(look)


async def test_what_is_pasted_into_a_name_runs_nothing_and_is_refused(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:

        def look() -> None:
            with opened(operator) as console:
                shows(console, "b", "Type local/rune-engine and press Enter")
                console.press("\x1b[200~local/rune-engine\r\x1b[201~")
                console.wait_for("by hand")
                console.press("\x1b[200~local/rune-engine\r\x1b]52;c;cm0gLXJmIC8=\x07\x1b[31m\x1b[201~")
                leave(console, "Seen")

        await asyncio.to_thread(look)
        assert operator.backups() == ()


def test_the_marks_are_what_an_escaped_text_keeps() -> None:
    from quri_console.render.escape import escape

    shown = escape(HOSTILE, limit=10_000)
    assert MARK in shown
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]", shown)
