"""Groups that an operation left half-way: some canisters have the new state, the others their old one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from quri_console.effects.journal import JOURNAL_NAME, Record, read_records
from quri_console.effects.loads import is_mixed, loaded_states, newest_load_ns
from quri_console.effects.operation_files import REQUEST, OperationFiles, OperationRequest, Outcome
from quri_console.effects.operation_summary import RESOLVED_RESULT, Mixed
from quri_console.errors import QuriError

KINDS = ("restore", "rollback")
"""The operations that exchange several canisters' states as one."""


def mixed_group(
    folder: Path, request: OperationRequest, outcome: Outcome | None, names: Mapping[str, str]
) -> Mixed | None:
    """Which canisters do not fit together because of an operation that does not run; `names` by id.

    None when all have the same state, when somebody marked it resolved, or when a later operation put another state
    into all of them. Raises CorruptionError.
    """
    if request.kind not in KINDS or len(request.canisters) < 2:
        return None
    if outcome is not None and (outcome.ok or RESOLVED_RESULT in outcome.result):
        return None
    path = folder / JOURNAL_NAME
    records = read_records(path)[0] if path.exists() else ()
    found = _mixed(request, records, names)
    return None if found is None or _put_right(folder, request, newest_load_ns(records)) else found


def _mixed(request: OperationRequest, records: Sequence[Record], names: Mapping[str, str]) -> Mixed | None:
    states = loaded_states(records)
    if not is_mixed(states):
        return None
    by_state = {
        state: tuple(names.get(canister, canister) for canister, found in states.items() if found == state)
        for state in ("new", "old", "unknown")
    }
    return Mixed(request.kind, by_state["new"], by_state["old"], by_state["unknown"])


def _put_right(folder: Path, request: OperationRequest, since_ns: int) -> bool:
    """Whether another restore or rollback of the same canisters came to its end after `since_ns`."""
    # a name begins with the second it was made in; what follows says nothing of the order
    second = folder.name.partition("-")[0]
    others = (path for path in folder.parent.iterdir() if path != folder and path.name >= second)
    return any(_replaced(OperationFiles(path), request, since_ns) for path in others if (path / REQUEST).exists())


def _replaced(files: OperationFiles, request: OperationRequest, since_ns: int) -> bool:
    try:
        other, outcome = files.request(), files.outcome()
    except QuriError:
        return False  # the list of operations says that it is damaged
    # one that ended before, because this one was resumed after it, has put nothing right
    whole = outcome is not None and outcome.ok and outcome.finished_at_ns >= since_ns
    same = other.network == request.network and set(other.canisters) >= set(request.canisters)
    return whole and same and other.kind in KINDS
