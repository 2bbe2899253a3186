"""A health check that cannot be asked is known before anything is changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from quri_console.backup.health_replies import UnusableCheck
from quri_console.clock import SystemClock
from quri_console.config.model import HealthCheck
from quri_console.progress import NoProgress
from quri_console.restore.planning import plan_restore
from quri_console.restore.wish import RestoreWish
from tests.support.incidents import NAME, incident


async def test_a_plan_is_refused_whose_health_check_is_no_candid(tmp_path: Path) -> None:
    async with incident(tmp_path) as scene:
        wish = RestoreWish(
            network="local",
            production=False,
            canister=scene.canister,
            name=NAME,
            source="latest",
            stop_timeout_seconds=20,
            health_checks=(HealthCheck("health", expect="(record {"),),
        )
        with pytest.raises(UnusableCheck, match="is not Candid text"):
            await plan_restore(
                scene.lab.agent,
                wish,
                repository=scene.lab.store(),
                locks=tmp_path / "locks",
                clock=SystemClock(),
                progress=NoProgress(),
            )
        assert scene.effects_done() == []
