"""Everything an operator can do, said once: bindings, footer, palette and help are all made of this."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quri_console.monitor.fleet import CanisterView


@dataclass(frozen=True, slots=True)
class ActionContext:
    """What decides whether an action makes sense now; the safety rules themselves are enforced in `effects`."""

    selected: CanisterView | None = None
    read_only: bool = False
    production: bool = True
    operation_running: bool = False
    backups: int = 0


WhyDisabled = Callable[[ActionContext], str | None]


def _always(context: ActionContext) -> str | None:
    return None


def _needs_selection(context: ActionContext) -> str | None:
    return "no canister is selected" if context.selected is None else None


def _needs_change(context: ActionContext) -> str | None:
    if context.read_only:
        return "this console is read-only"
    if context.operation_running:
        return "an operation is running on this canister"
    return _needs_selection(context)


def _needs_restore_point(context: ActionContext) -> str | None:
    return _needs_change(context) or ("this canister has no backup yet" if context.backups == 0 else None)


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do.

    `key` is a Textual key name, `verb` the word in footer and palette, `changes` what becomes
    different on the network ("" for nothing), `disabled` why it cannot be done in a context, or
    None when it can, and `command` the command line that does the same ("" for none).
    """

    name: str
    key: str
    verb: str
    help: str
    changes: str = ""
    disabled: WhyDisabled = _always
    command: str = ""


ACTIONS = (
    Action(
        "back_up",
        "b",
        "Backup",
        "Copy the selected canister's whole state into the repository.",
        changes="a snapshot is taken and deleted again; the canister is stopped for seconds, "
        "then gets back the status it had",
        disabled=_needs_change,
        command="quri-console backup",
    ),
    Action(
        "restore",
        "r",
        "Restore",
        "Plan a restore of the selected canister, look at it, and carry it out after typed confirmation.",
        changes="module and memory are replaced by the backup's; a safety snapshot is the way back",
        disabled=_needs_restore_point,
        command="quri-console restore",
    ),
    Action(
        "poll_now",
        "p",
        "Poll now",
        "Ask the network at once instead of at the next interval.",
        command="quri-console status --live",
    ),
    Action("help", "question_mark", "Help", "Show all keys.", command="quri-console --help"),
    Action("quit", "q", "Quit", "Leave the console; operations under way continue without it."),
)
_BY_NAME = {entry.name: entry for entry in ACTIONS}


def action(name: str) -> Action:
    """The action of that name. Raises KeyError."""
    return _BY_NAME[name]


def key_sheet() -> tuple[tuple[str, str, str], ...]:
    """(key as printed, verb, help with what it changes) of every action, for help overlays and documents."""
    return tuple((key_label(entry.key), entry.verb, full_help(entry)) for entry in ACTIONS)


def key_label(key: str) -> str:
    """A key name as people write it: `?`, `Enter`, `b`."""
    return {"question_mark": "?", "enter": "Enter", "escape": "Esc"}.get(key, key)


def full_help(entry: Action) -> str:
    """What an action does and what it changes on the network."""
    return f"{entry.help} Changes: {entry.changes}." if entry.changes else entry.help
