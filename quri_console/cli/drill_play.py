"""One drill from the command line: set up, briefing, whoever solves it, verdict, record."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from quri_console.cli.output import show_json, show_lines
from quri_console.errors import Cancelled, ExitCode
from quri_console.render.escape import escape

if TYPE_CHECKING:
    from quri_console.drill.director import Director
    from quri_console.drill.scenario import Scenario
    from quri_console.history.drills import DrillMode, DrillRecord
    from quri_console.ui.options import ConsoleOptions


def play(
    chosen: Scenario, mode: DrillMode, *, state: Path, options: ConsoleOptions | None, keep: bool, as_json: bool
) -> int:
    """Play a drill to its end and keep its record below `state`; the exit code. Raises QuriError, Cancelled."""
    from quri_console.drill.director import Director, drill_process
    from quri_console.drill.records import keep_record, records_folder

    records_folder(state)  # rather now than after the exercise
    interrupted = False
    with drill_process(keep=keep) as process, Director(chosen, process, mode) as director:
        _tell(f"Setting up the fleet for the drill {chosen.name} …")
        director.begin()
        try:
            _work(director, options)
        except KeyboardInterrupt:
            interrupted = True
        record = director.end()
    path = keep_record(state, record)
    _show(record, chosen.page, as_json=as_json)
    _tell(f"Recorded: {path}")
    if keep:
        _tell(f"Kept: {process.folder}")
    if interrupted and mode == "script":
        raise Cancelled("the drill was interrupted")
    return int(ExitCode.OK if record.recovered else ExitCode.FAILED)


def _work(director: Director, options: ConsoleOptions | None) -> None:
    """Let whoever solves it work until they leave."""
    from quri_console.render.drill import briefing_lines

    if director.mode == "script":
        director.solve(_tell)
        return
    chosen = director.scenario
    briefing = briefing_lines(chosen.title, director.task(), chosen.page, str(director.config))
    show_lines(briefing, stream=sys.stderr)
    if director.mode == "shell":
        _tell("This is a shell on the drill's machine; `exit` ends the drill.")
        director.looked()
        with _interrupts_for_the_shell():
            director.shell().open()
        return
    from quri_console.console import Console
    from quri_console.ui.terminal import run_console

    director.looked()
    run_console(Console.open(config_path=director.config), options, news=director.news)


@contextmanager
def _interrupts_for_the_shell() -> Iterator[None]:
    """Ctrl-C reaches the trainee's shell and leaves us alone; a handler, because an ignored signal is inherited."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _show(record: DrillRecord, page: str, *, as_json: bool) -> None:
    from quri_console.history.drills import drill_json
    from quri_console.render.drill import again_lines, verdict_lines

    if as_json:
        show_json(drill_json(record))
    else:
        show_lines((*verdict_lines(record), *again_lines(record, page)))


def _tell(text: str) -> None:
    """How far the drill is, beside its result."""
    sys.stderr.write(f"{escape(text)}\n")
    sys.stderr.flush()
