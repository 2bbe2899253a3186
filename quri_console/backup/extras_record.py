"""What `extras.toml` says of the parts that a backup keeps besides the state: which are there, and why others are not.

The interface and the export are files of their own beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quri_console.backup.browse import EXTRAS_NAME, HEALTH_NAME, INTERFACE_NAME
from quri_console.errors import CorruptionError
from quri_console.repository.sealed import unseal

if TYPE_CHECKING:
    from quri_console.backup.browse import StoredCanister

_IN_THE_RECORD: tuple[str, ...] = ("logs", "history", "metrics", "export")


@dataclass(frozen=True, slots=True)
class ExtrasFound:
    """Parts by name: what is there in words, and the reasons of what is absent or failed; all untrusted."""

    present: Mapping[str, str]
    absent: Mapping[str, str]
    failed: Mapping[str, str]


def extras_of(stored: StoredCanister) -> ExtrasFound | None:
    """What was kept besides the state; None where nothing was asked for. Raises CorruptionError, WrongKey."""
    data = stored.record(EXTRAS_NAME)
    if data is None:
        return None
    origin = f"{stored.label}/{EXTRAS_NAME}"
    document = unseal(data, origin)
    try:
        present = {name: _words(name, document[name]) for name in _IN_THE_RECORD if name in document}
        if stored.manifest.raw.file(f"{stored.entry.folder}/{INTERFACE_NAME}") is not None:
            present = {"interface": INTERFACE_NAME, **present}
        if stored.manifest.raw.file(f"{stored.entry.folder}/{HEALTH_NAME}") is not None:
            present["health replies"] = HEALTH_NAME
        return ExtrasFound(present, _reasons(document, "absent"), _reasons(document, "failed"))
    except (AttributeError, KeyError, TypeError) as error:
        raise CorruptionError(f"{origin} is not what it should be", why=f"{type(error).__name__}: {error}") from error


def _words(name: str, part: Any) -> str:
    if name == "logs":
        return f"{len(part)} records"
    if name == "history":
        return f"{len(part.get('changes', ()))} changes"
    return f"by {part['method']}" if name == "export" else "read"


def _reasons(document: Mapping[str, Any], key: str) -> dict[str, str]:
    return {str(name): str(reason) for name, reason in document.get(key, {}).items()}
