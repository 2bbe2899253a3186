"""Lines that are shown anew: the page is laid out again only when they take another height."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from quri_console.render.spans import Span
from quri_console.ui.widgets.lines_view import LinesView

WORDS = "word " * 40


@asynccontextmanager
async def stage(width: int = 60) -> AsyncIterator[tuple[Pilot[None], LinesView, Callable[[str], None]]]:
    class Stand(App[None]):
        def compose(self) -> ComposeResult:
            yield LinesView()

    async with Stand().run_test(size=(width, 30)) as pilot:
        view = pilot.app.query_one(LinesView)
        yield pilot, view, lambda text: view.show_lines([(Span(line),) for line in text.split("\n")])


def laid_out(view: LinesView, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each picture from now on lays the page out again."""
    found: list[bool] = []
    update = view.update

    def spy(content: object, *, layout: bool = True) -> None:
        found.append(layout)
        update(content, layout=layout)  # type: ignore[arg-type]

    monkeypatch.setattr(view, "update", spy)
    return found


async def test_only_another_height_lays_the_page_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage() as (pilot, view, show):
        show("Sampled 10:00:00\nmore")
        await pilot.pause()
        found = laid_out(view, monkeypatch)
        show("Sampled 10:01:00\nmore")
        show("Sampled 10:01:00\nmore")
        show("Sampled 10:02:00\nmore\nand more")
        show("日" * 40)
        show("本" * 40)
        assert found == [False, True, True, True]


@pytest.mark.parametrize("after", ["one", "one\ntwo", WORDS, f"{WORDS}\n{WORDS}", "日本語" * 60, ""])
@pytest.mark.parametrize("before", ["one", "one\ntwo", WORDS, "日本語" * 60])
async def test_it_is_as_high_as_its_lines_whatever_it_showed_before(before: str, after: str) -> None:
    async with stage() as (pilot, view, show):
        show(before)
        await pilot.pause()
        show(after)
        await pilot.pause()
        got = view.size.height
    async with stage() as (pilot, view, show):
        show(after)
        await pilot.pause()
        assert got == view.size.height


@pytest.mark.parametrize("narrow", [57, 52, 43, 31])
async def test_it_is_as_high_as_its_lines_after_the_terminal_was_narrowed(narrow: int) -> None:
    text = f"{'x' * 55} {'y' * 4}\n{WORDS}"
    async with stage() as (pilot, view, show):
        show(text)
        await pilot.pause()
        await pilot.resize_terminal(narrow, 30)
        await pilot.pause()
        got = view.size.height
    async with stage(narrow) as (pilot, view, show):
        show(text)
        await pilot.pause()
        assert got == view.size.height
