"""Bringing back what an operation that died or failed left stopped, whoever finds it first.

An operation gives its canisters back by itself, and its guard does when it is killed; this is for the case that both
died, as at a power cut, or gave up, as when the network is gone for a quarter of an hour. A runner of that operation
starts what its journal calls stopped, and does nothing else: the operation stays as it is, interrupted or failed. It
is done in lockdown, too: it brings back and leads nowhere further. It is not done in a read-only console, and not
while another operation holds the canister.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from quri_console.config import Config
from quri_console.effects.journal import JOURNAL_NAME, read_records
from quri_console.effects.lock import lock_holder
from quri_console.effects.operation_files import REQUEST, OperationFiles
from quri_console.effects.replay import left_stopped, status_before
from quri_console.effects.runner import BRING_BACK, start_runner
from quri_console.errors import LockedError, QuriError
from quri_console.service.session import Session

WAIT_SECONDS = 20.0
"""A start takes two seconds; a network that is gone is waited for by the runner, not by a command."""
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class LeftStopped:
    """Canisters (by id) that an operation stopped before it died or failed.

    `problem` says why they are not started, if so; `ended`: they run again, by what was done here.
    """

    operation: str
    canisters: tuple[str, ...]
    problem: str = ""
    ended: bool = False

    @property
    def words(self) -> str:
        """What is known, in one sentence."""
        named = " and ".join(self.canisters)
        left = f"{named} was left stopped by {self.operation}, which died or failed,"
        return f"{left} and was started again" if self.ended else f"{left} and is not started yet: {self.problem}"


def find_left_stopped(config: Config, network: str) -> tuple[OperationFiles, ...]:
    """Operations on a network that died or failed while they kept a canister stopped, oldest first."""
    folder = config.paths.operations
    if not folder.is_dir():
        return ()
    known = (OperationFiles(path) for path in sorted(folder.iterdir()) if (path / REQUEST).exists())
    return tuple(files for files in known if _is_left(files, network))


def _is_left(files: OperationFiles, network: str) -> bool:
    try:
        outcome = files.outcome()
        # one that failed may have given up starting it, because the network was gone for too long
        if (outcome is not None and outcome.ok) or files.request().network != network:
            return False
        # it may have ended by itself just now
        return bool(_stopped(files)) and not files.runner_lives() and bool(_stopped(files))
    except QuriError:
        return False  # `operations list` says that it is damaged


def _stopped(files: OperationFiles) -> tuple[str, ...]:
    """Canisters that ran before, and that its journal calls stopped."""
    path = files.directory / JOURNAL_NAME
    records = read_records(path)[0] if path.exists() else ()
    return tuple(item for item in left_stopped(records) if status_before(records, item) == "running")


async def bring_back(session: Session, *, wait_seconds: float = WAIT_SECONDS) -> tuple[LeftStopped, ...]:
    """Start again what operations that died left stopped; what was found, and whether it runs. Asks nobody."""
    found = await asyncio.to_thread(find_left_stopped, session.config, session.network.name)
    # nobody is asked: this happens by the way, in commands that are about something else
    return await _brought_back(dataclasses.replace(session, passphrase=None), found, wait_seconds)


async def bring_back_one(
    session: Session, files: OperationFiles, *, wait_seconds: float = WAIT_SECONDS
) -> LeftStopped | None:
    """Start what this one operation left stopped; None when it left nothing so. May ask for the key's passphrase."""
    if not _is_left(files, session.network.name):
        return None
    (told,) = await _brought_back(session, (files,), wait_seconds)
    return told


async def _brought_back(
    session: Session, found: Sequence[OperationFiles], wait_seconds: float
) -> tuple[LeftStopped, ...]:
    begun = [(files, _stopped(files), _begin(session, files)) for files in found]
    give_up_at = time.monotonic() + wait_seconds
    return tuple([await _outcome(files, stopped, problem, give_up_at) for files, stopped, problem in begun])


async def keep_bringing_back(session: Session, say: Callable[[str], None], seconds: float) -> None:
    """Look every so many seconds until cancelled, and start what is found; `say` hears what is new."""
    said: tuple[str, ...] = ()
    while True:
        found = tuple(item.words for item in await bring_back(session, wait_seconds=0))
        for words in found:
            if words not in said:
                say(words)
        if said and not found:
            say("what was left stopped runs again")
        said = found
        await session.clock.sleep(seconds)


def _begin(session: Session, files: OperationFiles) -> str:
    """Start the runner that brings back; why not, empty when it works on it."""
    from quri_console.effects.audit import BROUGHT_BACK
    from quri_console.service.audit import note_asked
    from quri_console.service.operations import RUNNER_MODULE, duty_key, duty_of

    if session.read_only:
        return "this console is read-only"
    try:
        request = files.request()
        holder = _holder(session, files)
        if holder is not None:
            return f"{holder} holds it"
        key = duty_key(session, duty_of(request.duty))
        note_asked(session, request, BROUGHT_BACK)
        start_runner(files, RUNNER_MODULE, key, begin=partial(files.ask, BRING_BACK))
    except LockedError:
        return ""  # somebody else has just begun the same
    except QuriError as error:
        return f"{error}. {error.next_step}"
    return ""


def _holder(session: Session, files: OperationFiles) -> str | None:
    from quri_console.service.bench import admitted_on
    from quri_console.service.operations import locks_folder

    records = read_records(files.directory / JOURNAL_NAME)[0]
    folder, network = locks_folder(session.config), admitted_on(records)
    holders = (lock_holder(folder, network, canister) for canister in _stopped(files))
    return next((holder for holder in holders if holder is not None), None)


async def _outcome(files: OperationFiles, stopped: tuple[str, ...], problem: str, give_up_at: float) -> LeftStopped:
    name = files.directory.name
    if problem:
        return LeftStopped(name, stopped, problem)
    while True:
        # slept, not waited for: the runner may be anybody's, and the loop has other things to do
        await asyncio.sleep(_LOOK_SECONDS)
        if not files.runner_lives():
            break
        if time.monotonic() > give_up_at:
            return LeftStopped(name, stopped, "a process works on it")
    still = _stopped(files)
    if still:
        return LeftStopped(name, still, f"starting it failed; see {files.directory / 'log.txt'}")
    return LeftStopped(name, stopped, ended=True)
