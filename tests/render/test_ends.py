"""How commands end: a bill that is no bill is not called one, and no text from outside steers the terminal."""

from __future__ import annotations

from typing import Any

import pytest

from quri_console.render.ends import backup_end_lines, lasted, next_line
from quri_console.render.spans import plain

ENTRY: dict[str, Any] = {"name": "pig", "state_bytes": 2048, "new_bytes": 1024, "cycles": 2_000_000_000}
RESULT: dict[str, Any] = {"state_bytes": 2048, "cycles": 2_000_000_000, "canisters": [ENTRY]}


def text(**changes: Any) -> str:
    return "\n".join(plain(line) for line in backup_end_lines({**RESULT, **changes}))


def test_what_is_not_known_is_left_out() -> None:
    assert text() == (
        "  pig: 2 KiB of state, 1 KiB of it new; 2 B cycles spent\n  In all 2 KiB of state; 2 B cycles spent."
    )


def test_a_canister_that_was_topped_up_meanwhile_has_no_negative_bill() -> None:
    assert "; 2 B cycles more than before" in text(canisters=[{**ENTRY, "cycles": -2_000_000_000}])
    assert "spent" not in text(canisters=[{**ENTRY, "cycles": 0}], cycles=0)


def test_a_canister_without_state_is_said_to_be_so() -> None:
    assert "  pig: without state" in text(canisters=[{**ENTRY, "state_bytes": 0, "cycles": 0}])


@pytest.mark.parametrize(
    ("first", "encryption", "said"), [(True, "none", True), (False, "none", False), (True, "aes-256-gcm", False)]
)
def test_only_the_first_backup_in_the_clear_says_so(first: bool, encryption: str, said: bool) -> None:
    assert ("not encrypted" in text(first=first, encryption=encryption)) == said


def test_names_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in text(canisters=[{**ENTRY, "name": "\x1b[2J"}])
    assert "\x1b" not in plain(next_line("quri-console show \x1b[2J"))


@pytest.mark.parametrize(("seconds", "words"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (10, "10 s"), (125, "2 m 5 s")])
def test_short_times_have_tenths(seconds: float, words: str) -> None:
    assert lasted(seconds) == words
