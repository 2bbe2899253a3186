"""What became of a configuration that was changed while the console runs, in words."""

from __future__ import annotations

from collections.abc import Sequence

from quri_console.errors import QuriError

WAITS = "The configuration was changed. It is taken over when this page is closed."


def broken_words(error: QuriError) -> str:
    """That the file cannot be used, with its line."""
    parts = (error.what, error.why, error.next_step)
    said = ". ".join(part.rstrip(".") for part in parts if part)
    return f"The configuration was changed and cannot be used now; this console goes on with the one before. {said}."


def change_words(taken: Sequence[str], waiting: Sequence[str], *, mended: bool = False) -> str:
    """What holds from now on, and what needs a restart of the console."""
    begin = "The configuration can be used again" if mended else "The configuration was changed"
    sentences = [f"{begin}; this holds now: {', '.join(taken)}."] if taken else [f"{begin}."]
    if waiting:
        sentences.append(f"Quit and open the console again for: {', '.join(waiting)}.")
    elif not taken:
        sentences.append("It says what it said before.")
    return " ".join(sentences)
