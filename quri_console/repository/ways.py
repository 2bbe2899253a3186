"""Ways into an encrypted repository that are to be made: a recipient, or a passphrase that stands alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from quri_console.errors import UsageError
from quri_console.repository.age import canonical_recipient, shortened

SHORTEST_PASSPHRASE = 8
LONGEST_LABEL = 100


@dataclass(frozen=True, slots=True)
class NewWay:
    """A way in to make: either `recipient` or `passphrase` is set. `label` is what people call it."""

    label: str
    recipient: str = ""
    passphrase: str = field(default="", repr=False)


def labelled(way: NewWay, label: str) -> NewWay:
    """The same way under another label. Raises UsageError for one that is empty, long, or has more than one line."""
    return replace(way, label=_label(label))


def recipient_way(text: str, label: str = "") -> NewWay:
    """The way of whoever has a recipient's private key; labelled by its comment unless named. Raises UsageError."""
    recipient, comment = canonical_recipient(text)
    return NewWay(_label(label) if label else _comment(comment) or shortened(recipient), recipient=recipient)


def passphrase_way(passphrase: str, label: str = "") -> NewWay:
    """The way of whoever knows a passphrase. Raises UsageError for one that is too short."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise UsageError(
            f"A passphrase has at least {SHORTEST_PASSPHRASE} characters",
            why="Whoever copies the repository can try passphrases for as long as they like.",
            next_step="Use several random words, and keep them where the repository is not.",
        )
    return NewWay(_label(label or "passphrase"), passphrase=passphrase)


def recipient_ways(texts: Iterable[str]) -> tuple[NewWay, ...]:
    """Recipients, one a text, each once; empty ones and comments (#) are left out. Raises UsageError."""
    ways: dict[str, NewWay] = {}
    for text in texts:
        line = text.strip()
        if line and not line.startswith("#"):
            way = recipient_way(line)
            ways.setdefault(way.recipient, way)
    return tuple(ways.values())


def _label(text: str) -> str:
    label = text.strip()
    if not label or len(label) > LONGEST_LABEL or not label.isprintable():
        raise UsageError(
            f"{label[:LONGEST_LABEL]!r} cannot be a label",
            next_step=f"A label has one line of at most {LONGEST_LABEL} printable characters.",
        )
    return label


def _comment(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:LONGEST_LABEL].strip()
