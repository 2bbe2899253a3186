"""One cell of the fault matrix played: what goes wrong at one call, and what must hold afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from quri_console.effects.calls import LOAD_SNAPSHOT
from quri_console.effects.operation_files import Outcome
from quri_console.effects.replay import DONE, attempts, safety_snapshots
from quri_console.localnet.faults import (
    Action,
)
from quri_console.restore.swap import NEW_STATE, OLD_STATE, UNKNOWN_STATE
from quri_console.service.following import OperationHandle
from quri_console.service.resuming import resume
from tests.support.fault_cells import FAULTS, ROLLBACK, UNDOES, WITH_SETTINGS, Cell
from tests.support.fault_stage import SET_SINCE_SECONDS, Stage
from tests.support.incidents import State
from tests.support.mortal import Mishap


async def play(opened: Stage, cell: Cell) -> bool:
    """Let the cell happen and judge by the network itself; whether the operation makes such a call at all."""
    undone = (await opened.done(UNDOES[cell.operation])).id if cell.operation in UNDOES else ""
    before, wanted = (opened.good, opened.bad) if cell.operation in UNDOES else (opened.bad, opened.good)
    fault = FAULTS[cell.fault]
    # what is planned is looked at without the fault: it is the operation that is tried
    if isinstance(fault, Mishap):
        mishap = opened.runners.mishap = replace(fault, method=cell.method, first=cell.first)
        handle = await opened.start(cell.operation, undone)
        outcome = await opened.ended()
        hit = mishap.seen >= cell.first
    else:
        handle = await opened.start(cell.operation, undone)
        rule = opened.disturb(cell)
        outcome = await opened.ended()
        hit = rule.applied > 0
    _require_true_word(opened, handle, outcome, before, wanted)
    await _require_runs_or_is_known_stopped(opened, handle, outcome, fault)
    opened.net.faults.clear()
    await _finish(opened, handle, outcome)
    _require_all_is_well(opened, handle, wanted)
    _require_settings(opened, restored=cell.operation == WITH_SETTINGS)
    if cell.operation not in UNDOES:
        rollback = await opened.done(ROLLBACK, handle.id)
        _require_all_is_well(opened, rollback, before)
        _require_settings(opened, restored=False)
    check = opened.console.verify_audit()
    assert check.whole, check
    return hit


def _require_settings(opened: Stage, *, restored: bool) -> None:
    """The backup's settings are back, or what an engineer set since is as it was."""
    assert opened.on_network.settings.freezing_threshold == (opened.threshold if restored else SET_SINCE_SECONDS)


def _require_true_word(
    opened: Stage, handle: OperationHandle, outcome: Outcome | None, before: State, wanted: State
) -> None:
    """What the journal and the outcome say is what the network has."""
    told = _told_by_journal(handle)
    if outcome is not None:
        assert _told_by_outcome(outcome) in (told, "either", told if told == "either" else None), (outcome, told)
    if told != "either":
        assert opened.state == (wanted if told == "new" else before), (told, outcome)
    assert opened.state in (before, wanted)


def _told_by_journal(handle: OperationHandle) -> str:
    """`old`, `new` or `either`."""
    loads = [load for load in attempts(handle.journal(), LOAD_SNAPSHOT) if load.may_have_happened]
    # the last one may have brought the safety snapshot back
    if not loads or loads[-1].snapshot_id in safety_snapshots(handle.journal()):
        return "old"
    return "new" if loads[-1].outcome == DONE else "either"


def _told_by_outcome(outcome: Outcome) -> str:
    if outcome.ok:
        return "new"
    words = {None: "old", OLD_STATE: "old", NEW_STATE: "new", UNKNOWN_STATE: "either"}
    return words[cast("str | None", outcome.result.get("state"))]


async def _require_runs_or_is_known_stopped(
    opened: Stage, handle: OperationHandle, outcome: Outcome | None, fault: Action | Mishap
) -> None:
    """A canister that ran is running again, or the operation's folder says that it may be stopped."""
    if outcome is None and isinstance(fault, Mishap) and not fault.with_guard:
        await opened.runs_by_itself()
    if not opened.running:
        assert handle.summary().left_stopped == (opened.canister.to_str(),), outcome


async def _finish(opened: Stage, handle: OperationHandle, outcome: Outcome | None) -> None:
    if outcome is None or not outcome.ok:
        resume(opened.console.session, handle.id)
        outcome = await opened.ended()
        assert outcome is not None
        assert outcome.ok, outcome


def story(handle: OperationHandle) -> str:
    """The effects in a journal and how they ended, for the message of a failed test."""
    return "; ".join(
        f"{a.kind.name} {'' if a.snapshot_id is None else a.snapshot_id.hex()[:16]}: {a.outcome}"
        for a in attempts(handle.journal())
    )


def _require_all_is_well(opened: Stage, handle: OperationHandle, wanted: State) -> None:
    """The wanted state runs, nothing is left stopped, and on chain is of ours only what the journal names."""
    assert opened.state == wanted
    assert opened.running
    assert handle.summary().left_stopped == ()
    safety = safety_snapshots(handle.journal())
    assert len(safety) == 1, story(handle)
    present = set(opened.on_network.snapshots)
    assert set(safety) <= present, f"{[item.hex() for item in present]}; {story(handle)}"
    # one that could not be deleted is no failure of its operation, but the operator is told
    ends = [summary.outcome for summary in opened.console.operations() if summary.outcome is not None]
    notes = " ".join(str(end.result.get("notes")) for end in ends)
    assert opened.of_backup <= present
    silent = [item.hex() for item in present - {*safety, *opened.of_backup} if item.hex() not in notes]
    assert not silent, f"{silent}; {notes}; {story(handle)}"
