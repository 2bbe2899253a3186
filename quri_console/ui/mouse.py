"""Takes the mouse, or leaves it to the terminal."""

from __future__ import annotations

from textual.driver import Driver

from quri_console.ui.terminal_driver import TerminalDriver


def toggle_mouse(driver: Driver | None) -> str:
    """Turn it; a sentence that says how it is now."""
    if not isinstance(driver, TerminalDriver):
        return "There is no terminal to ask for its mouse."
    driver.turn_mouse(not driver.mouse_on)
    if driver.mouse_on:
        return "Clicks and the wheel work here now. Hold Shift to select text, or press M again."
    return "The mouse is the terminal's again: its own selection works."
