"""What an operation did as a Markdown page for the incident: who, why, what, how it ended, the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from quri_console.render.ages import utc_text
from quri_console.render.escape import escape
from quri_console.render.journal_words import told_journal
from quri_console.render.operation_list import what_now
from quri_console.render.restore_plan import restore_plan_lines
from quri_console.render.spans import plain
from quri_console.render.zone import utc_only

if TYPE_CHECKING:
    from quri_console.effects.journal import Record
    from quri_console.effects.operation_summary import OperationSummary
    from quri_console.restore.plan import RestorePlan


def operation_report(
    summary: OperationSummary,
    records: Sequence[Record],
    plan: RestorePlan | None,
    audit_head: str,
    names: Mapping[str, str],
) -> str:
    """The page, in UTC whatever the screen shows.

    `audit_head` is the hash that the audit log ended with, `names` has the canisters' names by their ids.
    """
    with utc_only():
        return "\n".join(_lines(summary, records, plan, audit_head, names)) + "\n"


def _lines(
    summary: OperationSummary,
    records: Sequence[Record],
    plan: RestorePlan | None,
    audit_head: str,
    names: Mapping[str, str],
) -> list[str]:
    outcome = summary.outcome
    shown = [] if plan is None else [plain(line) for line in restore_plan_lines(plan)]
    lines = [
        f"# {_text(summary.kind)} of {_text(', '.join(summary.canisters))} on {_text(summary.network)}",
        "",
        f"- operation: `{_text(summary.id)}`",
        f"- begun: {utc_text(summary.created_at_ns)}",
        f"- ended: {utc_text(outcome.finished_at_ns) if outcome is not None else 'not yet'}",
        f"- reason: {_text(summary.reason or 'none given')}",
        f"- state: **{summary.state}**",
    ]
    if outcome is not None:
        parts = (outcome.what, outcome.why, outcome.next_step)
        lines += ["", *(f"> {_text(part)}" for part in parts if part)]
    if now := what_now(summary):
        lines += ["", _text(now)]
    lines += ["", "## Plan", "", "```", *shown, "```"] if shown else []
    lines += ["", "## Effects", ""]
    lines += [f"- {utc_text(at_ns)} {_text(sentence)}" for at_ns, sentence, _ in told_journal(records, names)]
    lines += ["", f"Audit log until `{audit_head}`."] if audit_head else []
    return lines


def _text(text: str) -> str:
    """Untrusted text that neither a terminal nor a Markdown reader takes for anything else."""
    return "".join(f"\\{c}" if c in "`*_[]<>#|" else c for c in escape(text))
