"""Whoever leaves for another network and loses the connection meanwhile leaves for good."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from quri_console.ui.terminal import _leave

if TYPE_CHECKING:
    from quri_console.ui.app import QuriApp


def test_a_hang_up_while_the_network_is_changed_opens_no_other_console() -> None:
    app = SimpleNamespace(next_network="staging", _driver=None)
    _leave(cast("QuriApp", app))
    assert app.next_network is None
