"""What the console remembers from one time to the next: view, canister, and how each view was sorted and filtered."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from quri_console.folders import make_private_folders

FILE_NAME = "console.json"
FORMAT = 1
MAX_BYTES = 1 << 20
MAX_TEXT = 500
Value = str | int | bool | None


class SessionState:
    """The state of one network's console; views keep texts, numbers and flags under their own name.

    Nothing here is needed: what cannot be read is left out, what cannot be written is lost.
    """

    def __init__(self, path: Path, network: str, document: dict[str, Any] | None = None, problem: str = "") -> None:
        self._path = path
        self._network = network
        self._document = document if document is not None else {}
        self._dirty = False
        self._number = self._written = 0
        self._writing = threading.Lock()
        self.problem = problem
        """Why what was remembered could not be used; empty when it could."""

    @classmethod
    def load(cls, folder: Path, network: str) -> SessionState:
        """What is remembered in this folder; never raises."""
        path = folder / FILE_NAME
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
            if len(data) > MAX_BYTES:
                raise ValueError(f"it is larger than {MAX_BYTES} bytes")
            return cls(path, network, _checked(json.loads(data)))
        except FileNotFoundError:
            return cls(path, network)
        except (OSError, ValueError, RecursionError) as error:
            return cls(path, network, problem=f"{path} cannot be used ({error}), so the console starts afresh")

    @property
    def view(self) -> str | None:
        """The view that was open."""
        return self._text("", "view")

    @property
    def selected_id(self) -> str | None:
        """The canister that was chosen."""
        return self._text("", "selected_id")

    def remember(self, view: str | None, selected_id: str | None) -> None:
        """Keep what is open now."""
        self.put("", "view", view)
        self.put("", "selected_id", selected_id)

    def get(self, view: str, key: str) -> Value:
        """What a view kept under a key; None where it kept nothing."""
        return self._of(view).get(key)

    def put(self, view: str, key: str, value: Value) -> None:
        """Keep something for a view."""
        value = value[:MAX_TEXT] if isinstance(value, str) else value
        if self.get(view, key) != value:
            self._document.setdefault(self._network, {}).setdefault(view, {})[key] = value
            self._dirty = True

    @property
    def changed(self) -> bool:
        """Whether there is something that `save` would write."""
        return self._dirty

    def save(self) -> None:
        """Write it, readable by its owner only, if anything changed; a disk that refuses is nobody's business."""
        self.saving()()

    def saving(self) -> Callable[[], None]:
        """What writes it as it is now, for another thread: a disk may be slow. Of two the later one is what stays."""
        if not self._dirty:
            return lambda: None
        self._dirty = False
        self._number += 1
        number, text = self._number, json.dumps({"format": FORMAT, "networks": self._document}, indent=1)

        def write() -> None:
            with self._writing:
                if number > self._written:
                    self._written = number
                    self._write(text)

        return write

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            make_private_folders(self._path.parent)
            partial = self._path.with_name(f".{self._path.name}.{os.getpid()}")
            partial.unlink(missing_ok=True)
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            partial.replace(self._path)

    def _of(self, view: str) -> dict[str, Value]:
        return dict(self._document.get(self._network, {}).get(view, {}))

    def _text(self, view: str, key: str) -> str | None:
        value = self.get(view, key)
        return value if isinstance(value, str) else None


def _checked(document: Any) -> dict[str, Any]:
    """The networks of a document; raises ValueError for anything that we did not write."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError("it is not of this version")
    networks = document.get("networks")
    if not isinstance(networks, dict):
        raise ValueError("it has no networks")
    for views in networks.values():
        if not isinstance(views, dict) or not all(isinstance(entries, dict) for entries in views.values()):
            raise ValueError("a network in it is no table of views")
        if not all(isinstance(item, Value) for entries in views.values() for item in entries.values()):
            raise ValueError("a value in it is neither text nor number")
    return networks
