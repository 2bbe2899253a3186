"""The report of a check in words: what matters first, thousands summed up, nothing that steers the terminal."""

from __future__ import annotations

from dataclasses import replace

from quri_console.render.check_report import check_json, check_lines
from quri_console.render.spans import plain
from quri_console.repository.check_report import Affected, CheckedSet, CheckReport, Damage, DataSummary, Note
from quri_console.repository.errors import WrongKey

WHOLE = CheckReport(
    repository_id="0123456789abcdef0123456789abcdef",
    damages=(),
    notes=(),
    sets=(CheckedSet("20250124T020000Z", ("alpha",), 100, frozenset()),),
    packs=7,
    pack_bytes=7 << 20,
    files=12,
)
CHUNKS = tuple(number.to_bytes(32, "big") for number in range(3000))
DAMAGE = Damage("pack", "packs/00/00", "It is damaged.", "Repair it.", (Affected("20250124T020000Z", "alpha"),), CHUNKS)


def text(report: CheckReport) -> str:
    return "\n".join(plain(line) for line in check_lines(report))


def test_thousands_of_lost_chunks_are_summed_up_for_people_and_whole_in_json() -> None:
    report = replace(WHOLE, damages=(DAMAGE,) * 500)
    shown = text(report)
    assert "3000 chunks cannot be read" in shown
    assert "and 2996 more" in shown
    assert "and 490 more; --json lists all of them" in shown
    assert shown.count("Next: Repair it.") == 1
    assert len(shown.splitlines()) < 60
    document = check_json(report)
    assert len(document["damages"]) == 500
    assert len(document["damages"][0]["chunks"]) == 3000


def test_text_from_the_repository_cannot_steer_the_terminal() -> None:
    nasty = "bad\x1b[2Jname\u202e"
    damage = replace(DAMAGE, name=nasty, why=nasty, next_step=nasty, affected=(Affected(nasty, nasty),))
    shown = text(replace(WHOLE, damages=(damage,), notes=(Note("foreign", nasty, nasty),)))
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_an_unfinished_reading_says_how_far_it_came_and_how_to_go_on() -> None:
    data = DataSummary(5, 500, 900, round_packs=12, total_packs=70, stopped_early=True)
    shown = text(replace(WHOLE, data=data))
    assert "12 of 70 packs read; run it again to go on" in shown
    assert "Nothing is damaged so far." in shown


def test_without_the_key_never_is_nothing_damaged() -> None:
    problem = WrongKey("No key was given", why="Its ways in: alice.", next_step="Set `identity`.")
    shown = text(replace(WHOLE, key_problem=problem))
    assert "Nothing is damaged" not in shown
    assert "Only the structure was checked" in shown
    assert "Next: Set `identity`. Then run the check again." in shown
    damaged = text(replace(WHOLE, key_problem=problem, damages=(DAMAGE,)))
    assert "Only the structure was checked" in damaged
    assert "Damaged or missing: 1 object" in damaged


def test_one_pack_is_not_said_to_be_several() -> None:
    one = DataSummary(1, 500, 900, round_packs=1, total_packs=1, stopped_early=False)
    assert "1 pack read (500 B" in text(replace(WHOLE, data=one))
    assert "0 of 1 pack read" in text(replace(WHOLE, data=replace(one, round_packs=0, stopped_early=True)))


def test_a_later_run_says_what_the_round_has_read_in_all() -> None:
    data = DataSummary(5, 500, 900, round_packs=70, total_packs=70, stopped_early=False)
    assert "5 packs read (500 B, 900 B inside); 70 of 70 in all" in text(replace(WHOLE, data=data))
    part = replace(data, read_packs=70, selection="part 1 of 2")
    assert "70 packs of part 1 of 2 read" in text(replace(WHOLE, data=part))


def test_without_a_key_nobody_is_said_to_be_unaffected() -> None:
    damage = replace(DAMAGE, affected=())
    shown = text(replace(WHOLE, damages=(damage,), key_problem=WrongKey("No key was given")))
    assert "What is encrypted was not looked into: No key was given." in shown
    assert "Which backups are affected cannot be told." in shown
    assert "No backup is affected." in text(replace(WHOLE, damages=(damage,)))


def test_many_notes_of_a_kind_are_summed_up() -> None:
    notes = tuple(Note("foreign", f"file-{number}", "It is not ours.") for number in range(100))
    shown = text(replace(WHOLE, notes=notes))
    assert "Note: 100 foreign files" in shown
    assert "and 96 more" in shown
