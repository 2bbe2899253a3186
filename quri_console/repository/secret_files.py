"""What opens an encrypted repository, as it is given: identities and passphrases, read from owner-only files."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from quri_console.errors import RefusedBySafetyRule, UsageError
from quri_console.repository.age import Identity, identities_in

_LIMIT_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Secrets:
    """What may open a repository; shows itself nowhere.

    `ask` gets a passphrase from a person, told the labels of the ways that it would open; None where nobody is there.
    """

    identities: tuple[Identity, ...] = ()
    passphrases: tuple[str, ...] = field(default=(), repr=False)
    ask: Callable[[str], str] | None = None

    def __repr__(self) -> str:
        return f"Secrets({len(self.identities)} identities, {len(self.passphrases)} passphrases)"

    @property
    def given(self) -> bool:
        """Whether there is anything to try."""
        return bool(self.identities or self.passphrases or self.ask is not None)


def read_secrets(
    identities: Sequence[Path], passphrases: Sequence[Path], ask: Callable[[str], str] | None = None
) -> Secrets:
    """The secrets in these files. Raises UsageError, RefusedBySafetyRule, UnusableIdentity naming the file."""
    return Secrets(
        tuple(found for path in identities for found in identities_in(read_secret_file(path), str(path))),
        tuple(read_passphrase(path) for path in passphrases),
        ask,
    )


def read_passphrase(path: Path) -> str:
    """The first line of a file that only its owner may read. Raises as `read_secret_file`."""
    try:
        text = read_secret_file(path).decode()
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text", next_step="Write the passphrase as its only line.") from None
    lines = text.splitlines()
    if len(lines) != 1 or not lines[0]:
        raise UsageError(f"{path} must hold one line", next_step="Write the passphrase as its only line.")
    return lines[0]


def read_secret_file(path: Path) -> bytes:
    """A small file that only its owner may use. Raises UsageError, RefusedBySafetyRule where others may, too."""
    try:
        # a named pipe must not hang us before its kind is known
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read", why=error.strerror or "", next_step="Check the path and the file's owner."
        ) from error
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise UsageError(f"{path} is not a file", next_step="Name a plain file.")
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise RefusedBySafetyRule(
                f"Others may use {path}", why=f"Its mode is {stat.S_IMODE(mode):04o}.", next_step=f"chmod 600 {path}"
            )
        return os.read(descriptor, _LIMIT_BYTES)
    finally:
        os.close(descriptor)
