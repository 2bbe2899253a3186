"""The runbook: sections in Markdown, ours and those of the operators, and which of them fits an alert."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from quri_console.config.model import Config
from quri_console.errors import ConfigError, ExitCode, QuriError, UsageError
from quri_console.monitor.rules import Rule

FIRST = "start-here"
ORDER = (
    FIRST, "backup", "recovery", "out-of-cycles", "frozen", "failed-upgrade", "data-corruption", "stopped", "emptied",
    "deleted", "controllers", "wrong-module", "network", "lost-key", "damaged-repository", "lost-machine", "contacts",
    "troubleshooting", "good-practice", "calendar", "commands",
)  # fmt: skip
CONTACTS, COMMANDS = "<!-- contacts -->", "<!-- commands -->"
"""Where the configuration's contacts and the reference of the commands go."""
EXAMPLE = "rune-engine"
"""The canister that the program's own pages speak of."""
PROGRAM = "program"
MAX_BYTES = 1 << 20
_EXAMPLE = re.compile(rf"(?<![\w-]){EXAMPLE}(?![\w-])")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")

_SECTIONS: dict[Rule, str] = {
    "never-seen": "network",
    "stale": "network",
    "unreachable": "network",
    "untrusted": "network",
    "rejected": "network",
    "not-authorised": "controllers",
    "deleted": "deleted",
    "emptied": "emptied",
    "no-code": "emptied",
    "stopped": "stopped",
    "stopping": "stopped",
    "frozen": "frozen",
    "cycles-low": "out-of-cycles",
    "runway-short": "out-of-cycles",
    "reserved-near-limit": "troubleshooting",
    "heap-near-limit": "troubleshooting",
    "stable-near-limit": "troubleshooting",
    "memory-growth": "troubleshooting",
    "controllers-changed": "controllers",
    "module-changed": "wrong-module",
    "backup-overdue": "backup",
    "not-ready": "recovery",
    "snapshot-slots": "backup",
    "clock-skew": "network",
    "burn-anomaly": "out-of-cycles",
    "payer-low": "out-of-cycles",
    "channel-dead": "troubleshooting",
    "schedule-late": "backup",
}


def section_for(rule: str) -> str:
    """The section that helps with an alert of that rule; where to start for one that is not known."""
    return next((section for known, section in _SECTIONS.items() if known == rule), FIRST)


def section_for_findings(rules: Sequence[str]) -> str:
    """The section that helps with what was found of one canister, worst first; empty where nothing was.

    Whoever starts one that was stopped in the middle of an upgrade starts the wrong module.
    """
    if {"stopped", "module-changed"} <= set(rules):
        return "failed-upgrade"
    return section_for(rules[0]) if rules else ""


_PAGES_OF_FAILURES: dict[ExitCode, str] = {
    ExitCode.WRONG_KEY: "lost-key",
    ExitCode.CORRUPTION: "damaged-repository",
    ExitCode.NOT_AUTHORISED: "controllers",
    ExitCode.NETWORK: "network",
}


def section_for_failure(error: QuriError) -> str:
    """The section that helps with a failure; the list of messages where none of its own does."""
    return _PAGES_OF_FAILURES.get(error.exit_code, "troubleshooting")


@dataclass(frozen=True, slots=True)
class Section:
    """One page: its name, its title, and its text in Markdown, which is untrusted where it is the operators'."""

    name: str
    title: str
    text: str
    origin: str
    """`program`, or the file that it comes from."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A line of a section that holds a word."""

    section: str
    line: str
    number: int = 0
    """Of the line in the section, from 1."""


@dataclass(frozen=True, slots=True)
class Runbook:
    """All sections, in the order to read them."""

    sections: tuple[Section, ...]

    def section(self, name: str) -> Section:
        """The section of that name, or the only one whose name begins so. Raises UsageError."""
        exact = [section for section in self.sections if section.name == name]
        begins = [section for section in self.sections if section.name.startswith(name)]
        found = exact or begins
        if len(found) == 1:
            return found[0]
        if found:
            meant = ", ".join(section.name for section in found)
            raise UsageError(f"{len(found)} sections begin with {name!r}", next_step=f"Name one of them: {meant}.")
        names = [section.name for section in self.sections]
        close = difflib.get_close_matches(name, names, n=1)
        hint = f"Did you mean {close[0]!r}? " if close else ""
        raise UsageError(
            f"the runbook has no section {name!r}", next_step=f"{hint}`quri-console docs --list` shows all of them."
        )

    def search(self, word: str) -> Iterator[Hit]:
        """Every line with that word, whatever its case."""
        wanted = word.casefold()
        for section in self.sections:
            for number, line in enumerate(section.text.splitlines(), start=1):
                if wanted in line.casefold() and not line.startswith("<!--"):
                    yield Hit(section.name, line.strip(), number)

    def about(self, canister: str) -> Runbook:
        """The same, with the program's own pages speaking of this canister instead of their example.

        What operators wrote speaks of what they named.
        """
        return Runbook(
            tuple(
                replace(section, text=_EXAMPLE.sub(lambda _: canister, section.text))
                if section.origin == PROGRAM
                else section
                for section in self.sections
            )
        )


def read_runbook(config: Config | None, *, commands: str = "") -> Runbook:
    """The program's sections, with those of the configured folder added or in their place. Raises ConfigError."""
    found = {section.name: section for section in _own()}
    folder = None if config is None else config.ui.runbook_dir
    if folder is not None:
        found.update((section.name, section) for section in _of_folder(folder))
    contacts = "" if config is None else "\n".join(f"- **{item.name}**: {item.text}" for item in config.contacts)
    names = sorted(found, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    return Runbook(tuple(_filled(found[name], contacts, commands) for name in names))


def read_readable_runbook(config: Config, *, commands: str = "") -> tuple[Runbook, ConfigError | None]:
    """The runbook; where the configured folder is what is wrong, the program's pages with the contacts, and why."""
    try:
        return read_runbook(config, commands=commands), None
    except ConfigError as error:
        without_folder = replace(config, ui=replace(config.ui, runbook_dir=None))
        return read_runbook(without_folder, commands=commands), error


def _own() -> Iterator[Section]:
    folder = resources.files("quri_console").joinpath("runbook")
    for item in folder.iterdir():
        if item.name.endswith(".md"):
            yield _section(item.name.removesuffix(".md"), item.read_text(encoding="utf-8"), PROGRAM)


def _of_folder(folder: Path) -> Iterator[Section]:
    step = "Correct [ui] runbook_dir of the configuration, or take it out."
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".md" and path.is_file())
        for path in paths:
            if not _NAME.fullmatch(path.stem):
                raise ConfigError(
                    f"{path} cannot be a section",
                    why="its name has other characters than a-z, 0-9 and -",
                    next_step=step,
                )
            if path.stat().st_size > MAX_BYTES:
                raise ConfigError(f"{path} cannot be a section", why="it is larger than 1 MiB", next_step=step)
            yield _section(path.stem, path.read_bytes().decode("utf-8", "replace"), str(path))
    except OSError as error:
        raise ConfigError(
            f"the runbook folder {folder} cannot be read", why=error.strerror or str(error), next_step=step
        ) from error


def _section(name: str, text: str, origin: str) -> Section:
    title = next((line[2:].strip() for line in text.splitlines() if line.startswith("# ")), name)
    return Section(name, title, text, origin)


def _filled(section: Section, contacts: str, commands: str) -> Section:
    nobody = "- Nobody is configured. Write them into the `[contacts]` table of the configuration file, today."
    text = section.text.replace(CONTACTS, contacts or nobody).replace(COMMANDS, commands)
    return replace(section, text=text)
