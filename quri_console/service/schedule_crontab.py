"""The crontab of the present user: our lines stand between two that name the configuration; no other is touched."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from quri_console.errors import QuriError, RefusedBySafetyRule, UsageError
from quri_console.history.schedule_views import InstalledFile
from quri_console.service.schedule_files import heading
from quri_console.service.session import Session

CRONTAB = Path("crontab")
ABSENT = ("no crontab", "no such file")
"""What the various crontab programs say of a user that has none, beside ending with 1."""


def into_crontab(session: Session, block: str, *, dry_run: bool) -> InstalledFile:
    """Put a block of lines in the place of the one that is there. Raises QuriError."""
    present = _crontab()
    before, own, after = _parted(session, present)
    block = f"# begin {heading(session)}\n{block}# end {heading(session)}\n"
    text = before + block + after
    if own == block:
        return InstalledFile(CRONTAB, "unchanged", text)
    if not dry_run:
        _set_crontab(text)
    return InstalledFile(CRONTAB, "written", text)


def out_of_crontab(session: Session, *, dry_run: bool) -> tuple[InstalledFile, ...]:
    """Take our block out, and leave every other line. Raises QuriError."""
    before, own, after = _parted(session, _crontab())
    if not own:
        return ()
    if not dry_run:
        _set_crontab(before + after)
    return (InstalledFile(CRONTAB, "removed", own),)


def _parted(session: Session, text: str) -> tuple[str, str, str]:
    """A crontab before our lines, our lines, and after them. Raises RefusedBySafetyRule for half of them."""
    begin, end = f"# begin {heading(session)}\n", f"# end {heading(session)}\n"
    if begin not in text and end not in text:
        return (text if not text or text.endswith("\n") else f"{text}\n"), "", ""
    before, found, rest = text.partition(begin)
    own, ended, after = rest.partition(end)
    if not found or not ended:
        raise RefusedBySafetyRule(
            "the crontab has only one of the two lines that our part stands between",
            next_step=f"Correct it with `crontab -e`: {begin.strip()} … {end.strip()}",
        )
    return before, f"{begin}{own}{end}", after


def _crontab() -> str:
    done = _call_crontab("-l")
    if done.returncode == 0:
        return done.stdout
    # a table that only could not be read would be replaced by ours alone
    if not any(words in done.stderr.lower() for words in ABSENT):
        raise QuriError(
            "the present crontab cannot be read",
            why=done.stderr.strip()[:300] or f"crontab -l ended with {done.returncode}",
            next_step="Nothing was changed. See what `crontab -l` says, and try again.",
        )
    return ""


def _set_crontab(text: str) -> None:
    done = _call_crontab("-", text) if text else _call_crontab("-r")
    if done.returncode != 0:
        raise QuriError("crontab refused the new lines", why=done.stderr.strip(), next_step="Nothing was changed.")


def _call_crontab(option: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    program = shutil.which("crontab")
    if program is None:
        raise UsageError("this machine has no `crontab`", next_step="Install cron, or use --systemd.")
    given = {"stdin": subprocess.DEVNULL} if text is None else {"input": text}
    plain_english = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(
        [program, option], capture_output=True, text=True, check=False, timeout=30, env=plain_english, **given
    )
