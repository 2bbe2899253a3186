from __future__ import annotations

from dataclasses import replace

from quri_console.ic.encoding.principal import Principal
from quri_console.render.ready import ready_json, ready_lines
from quri_console.render.remedies import proposal_json, proposal_lines
from quri_console.render.remedy_plan import remedy_plan_lines
from quri_console.render.spans import Line, plain, wrap_lines
from quri_console.restore.bill import Balance
from quri_console.restore.plan import Check, Difference, Step
from quri_console.restore.ready import Readiness
from quri_console.restore.remedies import Proposal, Remedy
from quri_console.restore.remedy_plan import Payment, RemedyPlan

CANISTER = Principal.from_str("pkrpq-5qaaa-aaaah-aroda-cai")
EVIL = "evil\x1b[31m\u202ename"
PLAN = RemedyPlan(
    kind="top-up",
    network="ic",
    production=True,
    root_key_hash=bytes(32),
    canister=CANISTER,
    name="rune-engine",
    made_at_ns=1_750_000_000_000_000_000,
    live=None,
    consequences=("It lasts ≈ 30 d to its freezing limit then, not 2 h (by its idle burn alone).",),
    steps=(Step("withdraw 2 T from the cycles ledger to it"),),
    checks=(
        Check("canister", True, "it exists"),
        Check("ledger", False, "it has 1 T, 2 T needed", "Put cycles on the ledger for this identity."),
    ),
    balances=(Balance("top-up", 3 * 10**12, 10**11),),
    differences=(Difference("controller", EVIL, "–", True),),
    payment=Payment(2 * 10**12, 10**8, 0, 1, 10**12),
)
REMEDY = Remedy("start", f"it is {EVIL}", "quri-console start rune-engine", 2_000_000, recommended=True, note=EVIL)
PROPOSAL = Proposal("ic", CANISTER.to_str(), "rune-engine", 1, "stopped", "rune-engine is stopped.", (REMEDY,), (EVIL,))
READY = Readiness(
    "ic", CANISTER.to_str(), "rune-engine", 1, "running", (Check("age", False, EVIL, "Take a new one."),), None, (EVIL,)
)


def _text(lines: tuple[Line, ...]) -> str:
    return "\n".join(plain(line) for line in wrap_lines(lines, 80))


def test_a_plan_says_what_happens_what_it_costs_and_what_is_in_the_way() -> None:
    text = _text(remedy_plan_lines(PLAN))
    assert text.startswith("Top up rune-engine on ic PRODUCTION")
    assert "1 of 2 FAILED" in text
    assert "The cycles ledger pays 2 T + 100 M fee; its balance goes from 1 T to" in text
    assert "Balance afterwards ≈ 3 T, freezing limit ≈ 100 B." in text
    assert "Put cycles on the ledger for this identity." in text
    passed = replace(PLAN, production=False, checks=PLAN.checks[:1])
    assert "all 1 passed" in _text(remedy_plan_lines(passed))


def test_remedies_are_numbered_and_the_one_to_begin_with_is_marked() -> None:
    text = _text(proposal_lines(PROPOSAL))
    assert "  1. start: it is" in text
    assert "← begin here" in text
    assert "quri-console start rune-engine" in text
    assert "nothing is lost; ≈ 2 M cycles; no downtime" in text
    assert "nothing that this tool can do" in _text(proposal_lines(replace(PROPOSAL, remedies=())))
    told = proposal_json(PROPOSAL)
    assert told["remedies"][0]["destructive"] == 0  # type: ignore[index]


def test_readiness_names_what_fails_and_what_to_do() -> None:
    text = _text(ready_lines((READY, replace(READY, checks=(), advice=()))))
    assert "rune-engine  NOT READY" in text
    assert "rune-engine  ready" in text
    assert "Take a new one." in text
    assert text.endswith("1 of 2 ready")
    assert ready_json((READY,))["ready"] is False


def test_nothing_of_a_canister_reaches_the_terminal_unescaped() -> None:
    for lines in (remedy_plan_lines(PLAN), proposal_lines(PROPOSAL), ready_lines((READY,))):
        assert not {"\x1b", "\u202e"} & set(_text(lines))
