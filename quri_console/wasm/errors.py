"""What can be wrong with a module before any message runs."""

from __future__ import annotations

from quri_console.errors import QuriError


class InvalidModule(QuriError):
    """Not a WebAssembly module that the Internet Computer accepts (spec: WebAssembly module requirements)."""


class StateMismatch(QuriError):
    """A state does not belong to its module: globals, memory size or page alignment differ."""
