"""A page of the runbook in lines: commands stand apart, names of pages are links, and hostile text stays text."""

from __future__ import annotations

import time

import pytest

from quri_console.render.runbook import PagePicture, lines_seen, marked_line, next_stop, page_picture
from quri_console.render.runbook_list import found_rows, page_rows
from quri_console.render.spans import plain
from quri_console.render.width import cell_width
from quri_console.report.runbook import Hit, Section, read_runbook, section_for_failure, section_for_findings
from quri_console.report.runbook_text import section_lines

PAGES = frozenset({"frozen", "stopped", "network", "wrong-module", "out-of-cycles"})


def drawn(text: str, width: int = 60) -> PagePicture:
    return page_picture(section_lines(text, width - 2), PAGES, width)


def shown(picture: PagePicture) -> list[str]:
    return [plain(line).rstrip() for line in picture.lines]


def test_commands_stand_apart_and_are_stops_with_their_block() -> None:
    picture = drawn("# T\n\nDo:\n\n```sh\nquri-console status\nquri-console burn\n```\n\nThen\n\n```sh\nls\n```\n")
    assert shown(picture)[4:6] == ["  │ quri-console status", "  │ quri-console burn"]
    assert [(stop.target, stop.block) for stop in picture.stops] == [
        ("quri-console status", "quri-console status\nquri-console burn"),
        ("quri-console burn", "quri-console status\nquri-console burn"),
        ("ls", "ls"),
    ]


def test_a_command_that_goes_on_is_one_stop_and_a_comment_is_none() -> None:
    picture = drawn("```sh\n# first\nquri-console restore x \\\n  --from latest\n\nls\n```\n")
    assert [stop.target for stop in picture.stops] == ["quri-console restore x \\\n--from latest", "ls"]
    assert (picture.stops[0].line, picture.stops[0].height) == (1, 2)


def test_a_long_command_is_wrapped_on_the_screen_and_whole_when_it_is_copied() -> None:
    command = "echo " + "x" * 300
    picture = drawn(f"```sh\n{command}\n```\n", width=40)
    assert picture.stops[0].target == command
    assert picture.stops[0].height == len(picture.lines) > 5
    assert all(cell_width(line) <= 40 for line in shown(picture))


def test_a_long_command_is_broken_between_its_words() -> None:
    command = 'quri-console restore rune-engine --from "$GOOD" --start --reason "data is wrong"'
    picture = drawn(f"```sh\n{command}\n```\n", width=78)
    assert [line.strip() for line in shown(picture)] == [
        '│ quri-console restore rune-engine --from "$GOOD" --start --reason "data is',
        '│ wrong"',
    ]
    assert picture.stops[0].target == command


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("Read page `frozen`.", ["frozen"]),
        ("(pages `frozen` and `wrong-module`):", ["frozen", "wrong-module"]),
        ("(pages `frozen`, `out-of-cycles`)", ["frozen", "out-of-cycles"]),
        ("see [what to do](network.md) and [that](./stopped.md#now)", ["network", "stopped"]),
        ("Alert `frozen` says so.", []),
        ("page `nowhere`", []),
        ("[web](https://example.org/frozen)", []),
        ("`stopped`, stopping: the word alone", []),
        # the name stands on the next line when it is wrapped
        ("x" * 49 + " page `frozen`", ["frozen"]),
    ],
)
def test_names_of_pages_are_links_and_other_words_are_not(text: str, targets: list[str]) -> None:
    picture = drawn(text)
    assert [stop.target for stop in picture.stops] == targets
    for stop in picture.stops:
        assert plain(picture.lines[stop.line])[stop.start : stop.end] == f"[{stop.target}]"


@pytest.mark.parametrize("name", ["start-here", "recovery", "lost-key"])
def test_every_page_that_our_own_pages_name_is_a_link(name: str) -> None:
    runbook = read_runbook(None)
    section = runbook.section(name)
    names = frozenset(other.name for other in runbook.sections)
    links = [stop.target for stop in page_picture(section_lines(section.text, 78), names, 80).stops if stop.kind != "-"]
    assert len([link for link in links if link in names]) >= 2


def test_hostile_text_is_spelt_out_fits_and_is_drawn_within_a_moment() -> None:
    evil = "# \x1b[31m\x1b]52;c;ZXZpbA==\x07 [bold]x[/] \u202e\u200b\n\n" + "A" * 500_000 + "\n\n" + "word " * 80_000
    evil += "\n```\n\x1b[2J" + "𝕏" * 10_000 + "\n```\n"
    started = time.process_time()
    picture = drawn(evil, width=80)
    assert time.process_time() - started < 10
    text = "\n".join(shown(picture))
    assert not any(character in text for character in "\x1b\x07\u202e\u200b")
    assert "\\x1b[31m" in text
    assert "[bold]x[/]" in text
    assert max(map(cell_width, text.split("\n"))) <= 80


def test_tab_goes_to_the_next_place_and_to_the_first_that_is_seen() -> None:
    picture = drawn("\n\n".join(f"page `frozen` {number}" for number in range(30)))
    assert next_stop(picture, None, 1, 0, 10) == 0
    assert next_stop(picture, 0, 1, 0, 10) == 1
    assert next_stop(picture, 0, -1, 0, 10) == 0
    assert next_stop(picture, 0, 1, 20, 10) == 10
    assert next_stop(picture, 0, -1, 20, 10) == 14
    assert next_stop(picture, 29, 1, 50, 10) == 29
    assert next_stop(drawn("nothing"), None, 1, 0, 10) is None


def test_the_chosen_place_is_marked_without_colours_too() -> None:
    picture = drawn("before page `frozen` after")
    assert plain(marked_line(picture, 0, None)) == "  before page [frozen] after"
    assert plain(marked_line(picture, 0, 0)) == "> before page [frozen] after"
    assert [span.text for span in marked_line(picture, 0, 0) if span.role == "chosen"] == ["[frozen]"]
    assert [span.text for span in marked_line(picture, 0, None, "AFTER") if span.role == "found"] == ["after"]


def test_a_hit_leads_to_the_line_that_has_the_word() -> None:
    text = "# T\n\n<!-- a\ncomment -->\n" + "one two three\n" * 20 + "the needle\n\n## End\n"
    picture = drawn(text, width=40)
    line = picture.line_of_source(5, "needle")
    assert "needle" in shown(picture)[line]
    assert shown(picture)[picture.line_of_source(27)] == "  End"
    assert picture.lines_with("NEEDLE") == (line,)


@pytest.mark.parametrize(
    ("count", "top", "height", "said"),
    [(5, 0, 10, "all"), (20, 0, 10, "top"), (20, 10, 10, "end"), (20, 2, 10, "60 %")],
)
def test_how_far_it_was_read(count: int, top: int, height: int, said: str) -> None:
    assert lines_seen([()] * count, top, height) == said


def test_the_list_says_whose_page_it_is_and_hits_are_cut() -> None:
    pages = [Section("frozen", "Frozen \x1b", "", "program"), Section("ours", "O" * 900, "", "/x/ours.md")]
    first, second = page_rows(pages)
    assert first.cells[1].text == "Frozen \\e"
    assert second.cells[1].text.endswith("… (your page)")
    rows = found_rows(Hit("frozen", "y" * 900, number) for number in range(2_000))
    assert len(rows) == 300
    assert len(rows[0].cells[1].text) == 200


def test_commands_of_our_pages_name_the_canister_that_it_is_about_and_others_stay() -> None:
    runbook = read_runbook(None)
    ours = Section("ours", "Ours", "call about rune-engine", "/x/ours.md")
    about = type(runbook)((*runbook.sections, ours)).about("registry")
    assert "quri-console topup registry 2T" in about.section("frozen").text
    assert all("rune-engine" not in section.text for section in about.sections if section.origin == "program")
    assert about.section("ours").text == "call about rune-engine"


def test_a_canister_stopped_in_the_middle_of_an_upgrade_is_not_just_to_be_started() -> None:
    assert section_for_findings(["stopped", "module-changed"]) == "failed-upgrade"
    assert section_for_findings(["stopped", "cycles-low"]) == "stopped"
    assert section_for_findings([]) == ""


def test_a_failure_has_a_page() -> None:
    from quri_console.errors import ExitCode, QuriError

    names = {section.name for section in read_runbook(None).sections}
    found = {code: section_for_failure(QuriError("x", exit_code=code)) for code in ExitCode}
    assert set(found.values()) <= names
    assert found[ExitCode.NETWORK] == "network"
    assert found[ExitCode.LOCKED] == "troubleshooting"
