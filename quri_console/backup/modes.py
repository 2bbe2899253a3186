"""Which modes of a copy hold no state; apart, so that a list needs nothing of the network's encodings."""

from __future__ import annotations

STATELESS_MODES = ("metadata", "legacy")
