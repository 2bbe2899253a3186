"""Takes the README's picture: the console on a fresh local network, as it draws itself, as an SVG.

    python -m quri_console.ui.picture quri_console/ui/console.svg

The moment of the sample is replaced by a fixed one, so that two pictures differ little; balances, burn rates and
sizes are what the network answered. Nothing in the file is fetched from anywhere.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from quri_console.console import Console
from quri_console.drill.local_process import local_process
from quri_console.ui.app import QuriApp
from quri_console.ui.options import Manner
from quri_console.ui.screens.fleet import FleetScreen
from quri_console.ui.theme_choice import DARK

COLUMNS, ROWS = 100, 20
SAMPLES = 30
PATIENCE_SECONDS = 60
_FONT_FACE = re.compile(r"@font-face\s*\{[^}]*\}\s*")
_RUN_NUMBER = re.compile(r"terminal-\d+")
_SAMPLED = re.compile(r"\d{4}-\d\d-\d\d(&#160;| )\d\d:\d\d:\d\d")
_MOMENT = r"2025-01-24\g<1>02:00:07"


async def take_picture(console: Console) -> str:
    """The console's SVG once every canister has answered SAMPLES times and been backed up. Raises TimeoutError."""
    handle = await console.start_backup([])
    (await handle.wait()).raise_failure()
    # not what suits the terminal it is taken in
    app = QuriApp(console, manner=Manner(theme=DARK))
    async with app.run_test(size=(COLUMNS, ROWS)) as pilot, asyncio.timeout(PATIENCE_SECONDS):
        while not _complete(app):
            app.poll_now()
            await pilot.pause(0.3)
        await pilot.pause()
        return without_chance(app.export_screenshot())


def _complete(app: QuriApp) -> bool:
    if app.fleet is None or not isinstance(app.screen, FleetScreen):
        return False
    return all(
        len(view.cycles_series) >= SAMPLES and view.last_backup_at_ns is not None for view in app.fleet.canisters
    )


def without_chance(svg: str) -> str:
    """The picture without what differs between two of them, and without fonts from remote hosts."""
    svg = _RUN_NUMBER.sub("console", _FONT_FACE.sub("", svg))
    svg = svg.replace("font-family: Fira Code,", "font-family: ui-monospace, Menlo, Consolas,")
    return _SAMPLED.sub(_MOMENT, svg)


def main() -> None:
    """Write the picture to the file that the command line names."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m quri_console.ui.picture FILE")
    with local_process() as process:
        console = Console.open(config_path=process.wait_until_serving().config)
        picture = asyncio.run(take_picture(console))
    Path(sys.argv[1]).write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
