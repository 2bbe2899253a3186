"""Every failure a user can meet: what happened, why, what to do next, and an exit code."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command except `monitor` (which uses 0 healthy, 1 warning, 2 critical, 3 unknown)."""

    OK = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    REPOSITORY_MISSING = 10
    LOCKED = 11
    WRONG_KEY = 12
    CORRUPTION = 13
    REFUSED = 14
    NOT_AUTHORISED = 15
    NETWORK = 16
    CANCELLED = 130


class QuriError(Exception):
    """A failure worded for the person at the terminal.

    `what` says what happened, `why` the cause as far as it is known, and
    `next_step` what to do about it; either of the last two may be empty.
    Subclasses fix `exit_code`; a single raise may override it.
    """

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(
        self,
        what: str,
        *,
        why: str = "",
        next_step: str = "",
        exit_code: ExitCode | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.next_step = next_step
        if exit_code is not None:
            self.exit_code = exit_code

    def __str__(self) -> str:
        return ": ".join(part for part in (self.what, self.why) if part)


class UsageError(QuriError):
    """The command line or an argument is wrong."""

    exit_code = ExitCode.USAGE


class ConfigError(QuriError):
    """The configuration file cannot be used."""

    exit_code = ExitCode.USAGE


class NetworkError(QuriError):
    """The network could not be reached or did not answer as the Internet Computer does."""

    exit_code = ExitCode.NETWORK


class NotAuthorised(QuriError):
    """The identity may not do this."""

    exit_code = ExitCode.NOT_AUTHORISED


class RefusedBySafetyRule(QuriError):
    """A safety rule of DESIGN §6 forbids it; nothing was changed."""

    exit_code = ExitCode.REFUSED


class CorruptionError(QuriError):
    """Stored or received data is not what its digest says."""

    exit_code = ExitCode.CORRUPTION


class LockedError(QuriError):
    """Somebody else holds what this needs."""

    exit_code = ExitCode.LOCKED


class Cancelled(QuriError):
    """The operator stopped it."""

    exit_code = ExitCode.CANCELLED
