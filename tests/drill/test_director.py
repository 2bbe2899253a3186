"""The director of a drill, and what becomes of its work when whoever waits for it is interrupted."""

from __future__ import annotations

import asyncio
import signal
import threading
import time

import pytest

from quri_console.drill.director import Director, drill_process
from quri_console.drill.scenarios import scenario


class SlowToSetUp(Director):
    """Its stage takes for ever to set, and some time to be taken down."""

    begun = threading.Event()
    taken_down = False

    async def _begin(self) -> None:
        try:
            self.begun.set()
            await asyncio.Event().wait()
        finally:
            for _ in range(10):
                await asyncio.sleep(0)
            self.taken_down = True


def test_an_interrupt_while_the_fleet_is_backed_up_ends_that_backup_before_its_folder_goes() -> None:
    main = threading.main_thread().ident
    assert main is not None
    with drill_process() as process:
        operations = process.folder / "machine" / "console" / "state" / "operations"

        def interrupt() -> None:
            deadline = time.monotonic() + 60
            while not list(operations.glob("*/request.json")) and time.monotonic() < deadline:
                time.sleep(0.005)
            signal.pthread_kill(main, signal.SIGINT)

        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt), Director(scenario("stopped"), process, "script") as director:
            director.begin()
        (operation,) = operations.iterdir()
        assert (operation / "outcome.json").exists()


def test_an_interrupt_while_the_stage_is_set_leaves_nothing_half_taken_down() -> None:
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        SlowToSetUp.begun.wait(60)
        signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with drill_process() as process:
        director = SlowToSetUp(scenario("stopped"), process, "script")
        with pytest.raises(KeyboardInterrupt), director:
            director.begin()
    assert director.taken_down
