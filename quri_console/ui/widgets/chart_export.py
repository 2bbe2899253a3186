"""Asks where what is shown shall go, and writes it there; the ending says as what, `.svg` is the screen itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from quri_console.render.escape import escape
from quri_console.ui.screens.question import Answers, Field, Question
from quri_console.ui.screens.view import ViewScreen

SCREEN_FORMAT = "svg"


def ask_and_export(view: ViewScreen, name: str, formats: Sequence[str], text_of: Callable[[str], str]) -> None:
    """Ask for a file, `name` unless another is typed, and write `text_of` the format that its ending names."""
    endings = ", ".join(f".{kind}" for kind in (*formats, SCREEN_FORMAT))
    folder = view.quri.console_door.config.paths.state / "exports"
    question = f"Export into {escape(str(folder))}, or a path of yours; {endings} says as what"

    def answered(answers: Answers | None) -> None:
        # drawn again first: a picture of the screen must not be one of the question
        if answers is not None and answers[0]:
            view.call_after_refresh(_export, view, Path(answers[0]), (*formats, SCREEN_FORMAT), text_of)

    view.app.push_screen(Question(question, (Field("File", name, f"ends in {endings}"),)), answered)


def _export(view: ViewScreen, path: Path, formats: Sequence[str], text_of: Callable[[str], str]) -> None:
    kind = path.suffix.lower().removeprefix(".")
    if kind not in formats:
        endings = ", ".join(f".{known}" for known in formats)
        view.app.notify(f"{escape(path.name)} ends in none of {endings}.", severity="warning")
        return
    text, door = view.app.export_screenshot() if kind == SCREEN_FORMAT else text_of(kind), view.quri.console_door

    async def save() -> Path:
        return await asyncio.to_thread(door.save_export, path, text)

    view.fetch(save, lambda saved: view.app.notify(f"Written to {escape(str(saved))}."), group="export")
