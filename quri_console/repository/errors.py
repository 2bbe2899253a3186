"""What can be wrong with a repository itself."""

from __future__ import annotations

from quri_console.errors import CorruptionError, ExitCode, QuriError


class RepositoryMissing(QuriError):
    """There is no repository at this place."""

    exit_code = ExitCode.REPOSITORY_MISSING


class NotARepository(QuriError):
    """Something else lies where the repository should be."""

    exit_code = ExitCode.REPOSITORY_MISSING


class NewerFormat(QuriError):
    """A newer version of the tool wrote this."""


class WrongKey(QuriError):
    """No key that was given opens the repository."""

    exit_code = ExitCode.WRONG_KEY


class ChunkMissing(CorruptionError):
    """No readable pack holds a chunk that a backup needs."""


class ChunkDamaged(CorruptionError):
    """The pack that holds a chunk does not hold it any more as it was written."""
