"""What goes wrong with a drill itself."""

from __future__ import annotations

from quri_console.errors import QuriError


class DrillFailed(QuriError):
    """The drill could not be played as it should be; that says nothing about the trainee."""
