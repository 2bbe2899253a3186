"""Everything an operator can do, said once: bindings, footer, palette and help are all made of this."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quri_console.monitor.fleet import CanisterView


@dataclass(frozen=True, slots=True)
class ActionContext:
    """What decides whether an action makes sense now; the safety rules themselves are enforced in `effects`."""

    selected: CanisterView | None = None
    read_only: bool = False
    production: bool = True
    operation_running: bool = False
    backups: int = 0
    backup_chosen: bool = False
    copy_chosen: bool = False
    alert_chosen: bool = False
    lockdown: bool = False
    operation_chosen: bool = False
    chosen_runs: bool = False
    can_resume: bool = False
    can_resolve: bool = False
    can_roll_back: bool = False


WhyDisabled = Callable[[ActionContext], str | None]
EVERYWHERE: frozenset[str] = frozenset()
FLEET, CYCLES, BACKUPS, ALERTS, ACTIVITY = "fleet", "cycles", "backups", "alerts", "activity"
VIEWS = (FLEET, CYCLES, BACKUPS, ALERTS, ACTIVITY)
"""The views, in the order of their keys."""


def _always(context: ActionContext) -> str | None:
    return None


def _needs_selection(context: ActionContext) -> str | None:
    return "no canister is selected" if context.selected is None else None


def _needs_change(context: ActionContext) -> str | None:
    if context.read_only:
        return "this console is read-only"
    if context.lockdown:
        return "lockdown is on; `quri-console lockdown off` lifts it"
    if context.operation_running:
        return "an operation is running on this canister"
    return _needs_selection(context)


def _needs_stopped(context: ActionContext) -> str | None:
    view = context.selected
    runs = view is not None and view.status == "running" and not view.stale
    return _needs_change(context) or ("it is running already" if runs else None)


def _needs_running_canister(context: ActionContext) -> str | None:
    view = context.selected
    stopped = view is not None and view.status == "stopped" and not view.stale
    return _needs_change(context) or ("it is stopped already" if stopped else None)


def _needs_copy(context: ActionContext) -> str | None:
    return _needs_selection(context) or ("this canister has no backup yet" if context.backups == 0 else None)


def _needs_backup(context: ActionContext) -> str | None:
    return None if context.backup_chosen else "no backup is chosen"


def _needs_chosen_copy(context: ActionContext) -> str | None:
    return _needs_backup(context) or (
        None if context.copy_chosen else "no canister with a state is chosen; Enter opens the set"
    )


def _needs_own_backup(context: ActionContext) -> str | None:
    return "this console is read-only" if context.read_only else _needs_backup(context)


def _needs_operation(context: ActionContext) -> str | None:
    return None if context.operation_chosen else "no operation is chosen"


def _needs_running(context: ActionContext) -> str | None:
    if context.read_only:
        return "this console is read-only"
    return _needs_operation(context) or (None if context.chosen_runs else "it has ended")


def _needs_interrupted(context: ActionContext) -> str | None:
    if context.read_only:
        return "this console is read-only"
    return _needs_operation(context) or (None if context.can_resume else "there is nothing to go on with")


def _needs_open(context: ActionContext) -> str | None:
    if context.read_only:
        return "this console is read-only"
    return _needs_operation(context) or (None if context.can_resolve else "nothing of it is left to be ended")


def _needs_way_back(context: ActionContext) -> str | None:
    if context.read_only:
        return "this console is read-only"
    return _needs_operation(context) or (None if context.can_roll_back else "it left nothing to go back to")


def _needs_alert(context: ActionContext) -> str | None:
    return None if context.alert_chosen else "no alert is chosen"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do.

    `key` is a Textual key name or several joined by commas, `verb` the word in footer and palette, `changes`
    what becomes different on the network ("" for nothing), `disabled` why it cannot be done in a context, or
    None when it can, and `command` the command line that does the same ("" for none).
    """

    name: str
    key: str
    verb: str
    help: str
    changes: str = ""
    disabled: WhyDisabled = _always
    command: str = ""
    scopes: frozenset[str] = EVERYWHERE
    """The views in which it is live; empty: all of them."""


ACTIONS = (
    Action(
        "back_up",
        "b",
        "Backup",
        "Copy the selected canister's whole state into the repository; in the fleet that of all marked ones (Space).",
        changes="a snapshot is taken and deleted again; the canister is stopped for seconds, "
        "then gets back the status it had",
        disabled=_needs_change,
        command="quri-console backup",
        scopes=frozenset({FLEET, BACKUPS}),
    ),
    Action(
        "restore",
        "r",
        "Restore",
        "Plan a restore of the selected canister, look at it, and carry it out after typed confirmation.",
        changes="module and memory are replaced by the backup's; a safety snapshot is the way back",
        # also without a backup: starting, topping up and snapshots on chain need none
        disabled=_needs_change,
        command="quri-console restore",
        scopes=frozenset({FLEET, BACKUPS, ALERTS}),
    ),
    Action(
        "fleet_filter",
        "slash",
        "Filter",
        "Show only what has these letters, fits a /pattern/, is:critical (warning, stale, stopped, unknown, firing, "
        "ok), or !anything else.",
        scopes=frozenset({FLEET}),
    ),
    Action("fleet_sort", "s", "Sort", "Sort by the next column, what is worst first.", scopes=frozenset({FLEET})),
    Action(
        "fleet_more",
        "i",
        "Details",
        "More room for the chosen canister: settings, controllers, events, operations.",
        scopes=frozenset({FLEET}),
    ),
    Action(
        "fleet_logs",
        "l",
        "Logs",
        "What the canister writes into its log, as it comes.",
        disabled=_needs_selection,
        command="quri-console logs",
        scopes=frozenset({FLEET}),
    ),
    Action(
        "fleet_top_up",
        "t",
        "Top up",
        "Pay cycles of the cycles ledger into the selected canister.",
        changes="the amount leaves the ledger account of the identity that operates, and is not paid back",
        disabled=_needs_change,
        command="quri-console topup",
        scopes=frozenset({FLEET}),
    ),
    Action(
        "fleet_start",
        "u",
        "Start",
        "Start the selected canister, after its name was typed.",
        changes="the canister answers calls again",
        disabled=_needs_stopped,
        command="quri-console start",
        scopes=frozenset({FLEET}),
    ),
    Action(
        "fleet_stop",
        "x",
        "Stop",
        "Stop the selected canister, after its name was typed, and leave it so.",
        changes="the canister answers nothing until somebody starts it",
        disabled=_needs_running_canister,
        command="quri-console stop",
        scopes=frozenset({FLEET}),
    ),
    Action(
        "fleet_compare",
        "d",
        "Compare",
        "Compare the newest backup of the selected canister with the live one.",
        disabled=_needs_copy,
        command="quri-console diff",
        scopes=frozenset({FLEET}),
    ),
    Action(
        "fleet_alerts",
        "a",
        "Alerts",
        "Go to the alerts of the selected canister.",
        disabled=_needs_selection,
        command="quri-console alerts",
        scopes=frozenset({FLEET}),
    ),
    Action("fleet_reverse", "S", "Reverse", "Sort the other way round.", scopes=frozenset({FLEET})),
    Action("fleet_group", "o", "Group", "Group by criticality, by group, or not.", scopes=frozenset({FLEET})),
    Action(
        "fleet_copy_id",
        "y",
        "Copy id",
        "Copy the selected canister's id, and say how it was copied.",
        disabled=_needs_selection,
        scopes=frozenset({FLEET}),
    ),
    Action("fleet_all", "escape", "Show all", "End the filter, take the marks away.", scopes=frozenset({FLEET})),
    Action(
        "poll_now",
        "p",
        "Poll now",
        "Ask the network at once instead of at the next interval.",
        command="quri-console status --live",
    ),
    Action(
        "open_set",
        "enter",
        "Open",
        "Show the canisters of a backup, or the parts of a canister's copy, or hide them.",
        disabled=_needs_backup,
        scopes=frozenset({BACKUPS}),
    ),
    Action(
        "compare",
        "d",
        "Compare",
        "Compare the two marked ones (Space marks), or the chosen one with the live canister.",
        disabled=_needs_backup,
        command="quri-console diff",
        scopes=frozenset({BACKUPS}),
    ),
    Action(
        "verify",
        "v",
        "Verify",
        "Read every byte of the backup again and note what came of it.",
        disabled=_needs_backup,
        command="quri-console verify",
        scopes=frozenset({BACKUPS}),
    ),
    Action(
        "rehearse",
        "x",
        "Rehearse",
        "Load the backup into the sandbox of this machine and ask its health queries.",
        disabled=_needs_backup,
        command="quri-console rehearse",
        scopes=frozenset({BACKUPS}),
    ),
    Action(
        "pin",
        "i",
        "Pin",
        "Keep the backup from being forgotten and pruned, or end that.",
        changes="nothing on the network; the repository keeps a mark",
        disabled=_needs_own_backup,
        command="quri-console pin",
        scopes=frozenset({BACKUPS}),
    ),
    Action(
        "archive",
        "w",
        "Archive",
        "Seal the backup into one portable file, in a folder that is asked for.",
        disabled=_needs_backup,
        command="quri-console archive",
        scopes=frozenset({BACKUPS}),
    ),
    Action(
        "export_copy",
        "e",
        "Export",
        "Write the canister's copy as a snapshot directory, which icp and dfx upload.",
        disabled=_needs_chosen_copy,
        command="quri-console export",
        scopes=frozenset({BACKUPS}),
    ),
    Action(
        "forget",
        "D",
        "Forget",
        "Hide the backup after its name was typed, or bring a forgotten one back.",
        changes="nothing on the network; a week later `prune` may free its space",
        disabled=_needs_own_backup,
        command="quri-console forget",
        scopes=frozenset({BACKUPS}),
    ),
    Action(
        "acknowledge",
        "a",
        "Ack",
        "Say that somebody cares: the alert is not sent again until it gets worse.",
        disabled=_needs_alert,
        command="quri-console alerts ack",
        scopes=frozenset({ALERTS}),
    ),
    Action(
        "silence",
        "s",
        "Silence",
        "Send nothing about the alert for a while; it goes on being judged.",
        disabled=_needs_alert,
        command="quri-console alerts silence",
        scopes=frozenset({ALERTS}),
    ),
    Action(
        "unsilence",
        "u",
        "Unmute",
        "End the silence, or take the acknowledgement back.",
        disabled=_needs_alert,
        command="quri-console alerts unsilence",
        scopes=frozenset({ALERTS}),
    ),
    Action("past", "o", "Past", "What happened to alerts in the last week.", scopes=frozenset({ALERTS})),
    Action(
        "alert_chart",
        "h",
        "Chart",
        "The cycles of the canister that the alert is about.",
        disabled=_needs_alert,
        scopes=frozenset({ALERTS}),
    ),
    Action(
        "go_to_canister",
        "enter",
        "Canister",
        "Go to the canister that the alert is about.",
        disabled=_needs_alert,
        scopes=frozenset({ALERTS}),
    ),
    Action(
        "follow_operation",
        "enter",
        "Follow",
        "Show the operation on a page of its own, and follow it while it runs.",
        disabled=_needs_operation,
        command="quri-console operations show",
        scopes=frozenset({ACTIVITY}),
    ),
    Action(
        "resume_operation",
        "R",
        "Resume",
        "Go on with an operation whose process died.",
        changes="what it left stopped is started, then it goes on",
        disabled=_needs_interrupted,
        command="quri-console operations resume",
        scopes=frozenset({ACTIVITY}),
    ),
    Action(
        "abort_operation",
        "A",
        "Abort",
        "End a running operation before its next effect.",
        changes="the canister gets the status back that it had",
        disabled=_needs_running,
        command="quri-console operations abort",
        scopes=frozenset({ACTIVITY}),
    ),
    Action(
        "roll_back",
        "B",
        "Roll back",
        "Bring back the state before the operation, after typed confirmation.",
        changes="the safety snapshot takes the place of the state",
        disabled=_needs_way_back,
        command="quri-console rollback",
        scopes=frozenset({ACTIVITY}),
    ),
    Action(
        "resolve_operation",
        "X",
        "Resolved",
        "Mark an interrupted operation resolved, without going on with it or rolling it back, and say why.",
        changes="what it left stopped is started, unless you leave it so; nothing is undone",
        disabled=_needs_open,
        command="quri-console operations resolve",
        scopes=frozenset({ACTIVITY}),
    ),
    Action("pane('steps')", "s", "Steps", "Every effect of the operation.", scopes=frozenset({ACTIVITY})),
    Action("pane('log')", "l", "Log", "What the operation's process wrote.", scopes=frozenset({ACTIVITY})),
    Action(
        "pane('audit')",
        "a",
        "Audit",
        "The audit log, newest first.",
        command="quri-console audit show",
        scopes=frozenset({ACTIVITY}),
    ),
    Action(
        "support_bundle",
        "w",
        "Bundle",
        "Write what helps somebody else to understand what went wrong into one file, without secrets.",
        command="quri-console doctor",
        scopes=frozenset({ACTIVITY}),
    ),
    Action(
        "service_log",
        "v",
        "Service",
        "What watch, consoles, schedules and runners did: their log, followed, with a search.",
        command="quri-console service-logs",
        scopes=frozenset({ACTIVITY}),
    ),
    Action("pane('messages')", "m", "Messages", "What was sent where, and arrived.", scopes=frozenset({ACTIVITY})),
    Action(
        "pane('doctor')",
        "d",
        "Doctor",
        "What is overdue or stuck.",
        command="quri-console doctor",
        scopes=frozenset({ACTIVITY}),
    ),
    Action(
        "fleet_chart",
        "h",
        "Chart",
        "The balance, burn and forecast of the selected canister over time.",
        disabled=_needs_selection,
        command="quri-console history",
        scopes=frozenset({FLEET}),
    ),
    Action("range(-1)", "left_square_bracket", "Shorter", "A shorter time, down to 1 h.", scopes=frozenset({CYCLES})),
    Action("range(1)", "right_square_bracket", "Longer", "A longer time, up to 5 y.", scopes=frozenset({CYCLES})),
    Action("read(-1)", "left", "Read", "Read the values of an earlier moment.", scopes=frozenset({CYCLES})),
    Action("below", "t", "Table", "Table, words, or the chart alone.", scopes=frozenset({CYCLES})),
    Action(
        "export",
        "e",
        "Export",
        "Write what is shown into a file: CSV, JSON, or an SVG of the screen.",
        command="quri-console history",
        scopes=frozenset({CYCLES}),
    ),
    Action(
        "show_canister",
        "enter",
        "Canister",
        "Go to the selected canister in the Fleet view.",
        disabled=_needs_selection,
        scopes=frozenset({CYCLES}),
    ),
    Action("scale", "y", "Scale", "Begin the scale at zero, or at what is seen.", scopes=frozenset({CYCLES})),
    Action("legend", "escape", "Legend", "What lines and letters mean, instead of values.", scopes=frozenset({CYCLES})),
    Action("read(1)", "right", "Later", "Read the values of a later moment.", scopes=frozenset({CYCLES})),
    Action("read(-10)", "H,shift+left", "Back", "Read ten columns earlier.", scopes=frozenset({CYCLES})),
    Action("read(10)", "L,shift+right", "On", "Read ten columns later.", scopes=frozenset({CYCLES})),
    Action(
        "read_detail(1)",
        "right_square_bracket",
        "Read on",
        "Further down in what is said of what is chosen.",
        scopes=frozenset({FLEET, BACKUPS, ALERTS, ACTIVITY}),
    ),
    Action(
        "read_detail(-1)",
        "left_square_bracket",
        "Read back",
        "Further up in what is said of what is chosen.",
        scopes=frozenset({FLEET, BACKUPS, ALERTS, ACTIVITY}),
    ),
    Action("view('fleet')", "1", "Fleet", "Every canister in one table.", command="quri-console status"),
    Action("view('cycles')", "2", "Cycles", "Balances, burn and forecasts over time.", command="quri-console history"),
    Action("view('backups')", "3", "Backups", "What is stored, and comparing it.", command="quri-console list"),
    Action("view('alerts')", "4", "Alerts", "What fires, and who cares for it.", command="quri-console alerts"),
    Action("view('activity')", "5", "Activity", "Operations, messages, audit.", command="quri-console operations"),
    Action("palette", "colon,ctrl+p", "Palette", "Find an action or a canister by its name."),
    Action(
        "runbook",
        "K,f1",
        "Runbook",
        "What to do: the page that fits the chosen alert or canister, or the list of pages.",
        command="quri-console docs",
    ),
    Action("close_notice", "N", "Unnotice", "Close what stands in the corner at once; so does Esc, and it is kept."),
    Action("notices", "n", "Notices", "Everything that was said in the corner of the screen, again."),
    Action("pause", "z", "Pause", "Keep the picture still; samples are taken all the same."),
    Action("copy", "c", "Copy", "Copy what the view shows, and say how it was copied."),
    Action(
        "network",
        "at",
        "Network",
        "Choose another network of the configuration; the console opens anew on it (--network at its start).",
    ),
    Action("theme", "T", "Theme", "Choose other colours from a list."),
    Action("mouse", "M", "Mouse", "Take the mouse, or leave it to the terminal, whose selection then works."),
    Action("repaint", "ctrl+l", "Repaint", "Draw the whole screen again, when something else wrote on it."),
    Action("help", "question_mark", "Help", "Show all keys.", command="quri-console --help"),
    Action("quit", "q", "Quit", "Leave the console; operations under way continue without it."),
)
_BY_NAME = {entry.name: entry for entry in ACTIONS}


def action(name: str) -> Action:
    """The action of that name. Raises KeyError."""
    return _BY_NAME[name]


def actions_of(view: str) -> tuple[Action, ...]:
    """The actions that are live in a view: its own first, then those of every view."""
    own = tuple(entry for entry in ACTIONS if view in entry.scopes)
    return (*own, *(entry for entry in ACTIONS if not entry.scopes))


def key_sheet(view: str = "") -> tuple[tuple[str, str, str], ...]:
    """(key as printed, verb, help with what it changes) of every action, or of those of a view."""
    entries = actions_of(view) if view else ACTIONS
    return tuple((key_label(entry.key), entry.verb, full_help(entry)) for entry in entries)


_KEY_LABELS = {
    "question_mark": "?",
    "enter": "Enter",
    "escape": "Esc",
    "colon": ":",
    "slash": "/",
    "space": "Space",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "left": "←",
    "right": "→",
    "at": "@",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "down": "↓",
    "up": "↑",
}


def key_label(key: str) -> str:
    """A key name as people write it: `?`, `Enter`, `b`, `Ctrl-P`, `F1`."""
    first = key.split(",", maxsplit=1)[0]
    held, plus, name = first.rpartition("+")
    if plus:
        return f"{held.capitalize()}-{_KEY_LABELS.get(name, name.upper())}"
    return _KEY_LABELS.get(first, first.upper() if re.fullmatch(r"f\d+", first) else first)


def full_help(entry: Action) -> str:
    """What an action does and what it changes on the network."""
    return f"{entry.help} Changes: {entry.changes}." if entry.changes else entry.help
