"""The ways into a repository as a table: complete ones and ones that a rotation has not reached."""

from __future__ import annotations

from datetime import UTC, datetime

from quri_console.render.key_list import key_notes, key_rows
from quri_console.render.spans import plain
from quri_console.repository.key_file import Way
from quri_console.repository.key_files import KeyDamage, ListedWay, WaysListed

AT = datetime(2025, 1, 24, tzinfo=UTC)
ALICE = ListedWay(Way("00" * 8, "alice\x1b[2J", "age1" + "q" * 58, AT), 2, True, 3)
PASSPHRASE = ListedWay(Way("11" * 8, "passphrase", "", AT), 1, False, 2)
LISTED = WaysListed((ALICE, PASSPHRASE), (KeyDamage("keys/x", "bad\x1b"),), 3)


def notes(listed: WaysListed) -> str:
    return "\n".join(plain(line) for line in key_notes(listed, AT))


def test_each_way_says_how_many_of_the_master_keys_it_holds() -> None:
    first, second = key_rows(LISTED, 80)
    assert first[-1] == ("3 of 3", "status-ok")
    assert second[-1] == ("2 of 3", "status-warning")
    assert (second[1][0], second[2][0]) == ("passphrase", "–")
    assert "\x1b" not in first[2][0]


def test_below_stand_generations_damage_and_how_a_rotation_is_finished() -> None:
    said = notes(LISTED)
    assert said.startswith("3 master keys: ")
    assert "keys/x cannot be used" in said
    assert "\x1b" not in said
    assert "Next: `quri-console key rotate` finishes it." in said
    assert "never rotated" in notes(WaysListed((ALICE,), (), 1))
    assert notes(WaysListed((), (), 0)) == "No way in is left that can be read."
