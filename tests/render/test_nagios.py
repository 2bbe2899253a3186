"""A Nagios check that tells the worst in one line, by the rules of its plugins."""

from __future__ import annotations

import re

import pytest

from quri_console.config import Thresholds
from quri_console.errors import NetworkError
from quri_console.monitor.fleet import CanisterView, Finding, Health
from quri_console.monitor.rules import HealthLevel
from quri_console.render.nagios import nagios_code, nagios_failure, nagios_line, nagios_long_output
from quri_console.units import DAY_SECONDS
from tests.support.fleets import HEALTHY, NEVER_SEEN, REGISTRY, RUNE, fleet, view

ITEM = re.compile(r"(?:'((?:[^'=|]|'')*)'|([A-Za-z0-9_]+))=(-?[0-9.]+)([A-Za-z%]*)((?:;[0-9.:]*){0,4})(?: |$)")


def items(data: str) -> dict[str, str]:
    """Performance data as a plugin's reader takes it apart: label to value and limits. All of it must be consumed."""
    found, at = {}, 0
    while at < len(data):
        match = ITEM.match(data, at)
        assert match is not None, data[at:]
        found[(match[1] or match[2]).replace("''", "'")] = match[3] + match[4] + match[5]
        at = match.end()
    return found


def of_level(level: HealthLevel, name: str = "registry", text: str = "why") -> CanisterView:
    findings = () if level == "ok" else (Finding("frozen", level, text),)
    return view(name=name, canister_id=f"{name}-id", health=Health(level, findings))


@pytest.mark.parametrize(
    ("levels", "code"),
    [
        (["ok", "ok"], 0),
        (["ok", "warning"], 1),
        (["critical", "warning", "unknown", "ok"], 2),
        (["unknown", "warning"], 1),
        (["unknown", "ok"], 3),
        (["unknown", "critical"], 2),
        ([], 3),
    ],
)
def test_the_code_is_the_worst_health(levels: list[HealthLevel], code: int) -> None:
    assert nagios_code(fleet(*(of_level(level) for level in levels))) == code


def test_a_healthy_fleet_in_one_line() -> None:
    line = nagios_line(fleet(HEALTHY), {RUNE: Thresholds()})
    text, data = line.split(" | ")
    assert text == "QURI OK: 1 healthy on local"
    assert items(data) == {
        "runway_days": "90.0;30:;7:;0",
        "critical": "0;;;0;1",
        "warning": "0;;;0;1",
        "unknown": "0;;;0;1",
        "ok": "1;;;0;1",
        "rune-engine runway_days": "90.0;30:;7:;0",
        "rune-engine cycles": "5000000000000;1000000000000:;100000000000:;0",
        "rune-engine memory": "72770912B;;;0",
    }


def test_what_is_wrong_comes_worst_first_with_its_reason() -> None:
    views = (of_level("ok", "a"), of_level("unknown", "b"), of_level("critical", "c", "frozen: it is"), HEALTHY)
    text = nagios_line(fleet(*views)).split(" | ")[0]
    assert text == "QURI CRITICAL: 1 critical, 1 unknown of 4 on local. c: frozen: it is; b: why"


def test_the_first_number_is_the_shortest_runway_with_the_limits_of_that_canister() -> None:
    short = view(name="registry", canister_id=REGISTRY, runway_seconds=6.99 * DAY_SECONDS)
    limits = {RUNE: Thresholds(), REGISTRY: Thresholds(warning_runway_seconds=12 * 3600)}
    data = nagios_line(fleet(HEALTHY, short), limits).split(" | ")[1]
    # rounded down: 7.0 would seem to be within the limit of 7
    assert items(data)["runway_days"] == "6.9;0.5:;7:;0"


def test_what_is_not_known_is_left_out_instead_of_zero() -> None:
    data = nagios_line(fleet(NEVER_SEEN)).split(" | ")[1]
    assert set(items(data)) == {"critical", "warning", "unknown", "ok"}


def test_a_fleet_without_canisters_is_unknown_and_says_so() -> None:
    assert nagios_line(fleet()).startswith("QURI UNKNOWN: no canister is configured on local |")


def test_the_notice_of_the_picture_is_told() -> None:
    assert "local. nobody polls. r" in nagios_line(fleet(NEVER_SEEN, notice="nobody polls"))


def test_names_cannot_break_out_of_the_performance_data() -> None:
    evil = view(name="it's | a=b\n\x1b[31m", health=Health("critical", (Finding("frozen", "critical", "a|b\nc"),)))
    line = nagios_line(fleet(evil))
    assert line.count("|") == 1
    assert line.isprintable()
    assert items(line.split(" | ")[1])[r"it's / a_b\n\e[31m cycles"] == "5000000000000;;;0"


def test_a_large_fleet_stays_below_a_kilobyte_and_no_number_is_cut() -> None:
    views = [of_level("critical", f"canister-{number}-" + "ü" * 50, "é" * 300) for number in range(1000)]
    line = nagios_line(fleet(*views), {of.canister_id: Thresholds() for of in views})
    assert len(line.encode()) <= 1024
    assert "\n" not in line
    text, data = line.split(" | ")
    assert text.startswith("QURI CRITICAL: 1000 critical of 1000 on local. canister-0-")
    assert items(data)["critical"] == "1000;;;0;1000"


def test_the_long_output_has_every_canister_and_every_number() -> None:
    views = [of_level("warning", f"canister-{number}", "low") for number in range(50)]
    output = nagios_long_output(fleet(*views, HEALTHY))
    first, *rest = output.split("\n")
    assert first.startswith("QURI WARNING: 50 warning of 51 on local. ")
    middle, more = "\n".join(rest).split(" | ")
    assert [line.split(": ")[1] for line in middle.split("\n")] == [of.name for of in (*views, HEALTHY)]
    assert middle.split("\n")[0] == "warning: canister-0: low"
    numbers = items(" ".join([first.split(" | ")[1], *more.split("\n")]))
    assert {"canister-49 cycles", "rune-engine memory", "runway_days"} <= set(numbers)
    assert len(numbers) == 5 + 3 * 51


def test_the_long_output_of_nothing_is_still_well_formed() -> None:
    assert nagios_long_output(fleet()).split(" | ")[0] == "QURI UNKNOWN: no canister is configured on local"


def test_a_check_that_could_not_look_says_why_on_one_line() -> None:
    line = nagios_failure(NetworkError("No answer", why="a | b\nc" + "x" * 2000))
    assert line.startswith(r"QURI UNKNOWN: No answer: a / b\nc")
    assert len(line.encode()) <= 512
