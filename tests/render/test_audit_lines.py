"""The audit log as lines: readable, harmless, and never short of a moment or a balance that was written."""

from __future__ import annotations

from typing import Any

import pytest

from quri_console.render.audit import audit_lines
from quri_console.render.spans import plain


def shown(**event: Any) -> list[str]:
    return [plain(line) for line in audit_lines([{"seq": 7, "action": "ended", **event}])][1:]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("2025-01-24T02:00:07.123456Z", "7    2025-01-24 02:00:07 UTC  ?   ended"),
        ("2025-01-24T02:00:07+01:00", "7    2025-01-24 01:00:07 UTC  ?   ended"),
        ("yesterday", "7    yesterday  ?   ended"),
        ("", "7          ?   ended"),
        ("\x1b[2J", "7    \\e[2J  ?   ended"),
    ],
)
def test_when(written: str, told: str) -> None:
    assert shown(ts=written) == [told]


@pytest.mark.parametrize(
    ("cycles", "told"),
    [
        ({"before": "985791231486", "after": "981621652997"}, "cycles: 986 B before, 982 B after"),
        ({"before": "985791231486"}, "cycles: 986 B before"),
        ({"after": 5}, "cycles: 5 after"),
        ({"before": "985791231486", "after": "?"}, 'cycles: {"after": "?", "before": "985791231486"}'),
        ({"before": "1", "paid": "2"}, 'cycles: {"before": "1", "paid": "2"}'),
        ({"before": "9" * 50}, 'cycles: {"before": "' + "9" * 50 + '"}'),
        ("\x1b", 'cycles: "\\u001b"'),
    ],
)
def test_balances(cycles: object, told: str) -> None:
    assert shown(cycles=cycles)[1].strip() == told
    assert "cycles" not in "".join(shown(cycles={}))
