"""The interpreter within reach of other users, where it lies in a home that hides it from them."""

from __future__ import annotations

import sys
from pathlib import Path

# for a shell in a mount namespace of its own; $HIDING is the folder that hides the interpreter's, $PREFIX
SHOW_INTERPRETER = """
if [ -n "$HIDING" ]; then
    mount --bind "$PREFIX" /media
    mount -t tmpfs -o mode=755 hidden "$HIDING"
    (umask 022; mkdir -p "$PREFIX")
    mount --move /media "$PREFIX"
fi
"""


def interpreter_places() -> dict[str, str]:
    """The environment that the text above needs: empty values where every user reaches the interpreter."""
    prefix = Path(sys.base_prefix)
    hiding = next((str(folder) for folder in reversed(prefix.parents) if not folder.stat().st_mode & 1), "")
    return {"HIDING": hiding, "PREFIX": str(prefix) if hiding else ""}
