"""`restore --dry-run` says what its difference does not cover."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.damaged_canister import NAME
from tests.support.operator_command import operator_on_fleet


async def test_a_plan_says_what_was_not_compared_and_how_to_compare_it(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        assert (await operator("backup", NAME)).code == 0
        planned = await operator("restore", NAME, "--from", "latest", "--dry-run")
        label = f"{operator.backups()[-1]}/{NAME}"
        assert "Not compared" in planned.output
        assert "Memory: only its sizes" in planned.output
        assert f"quri-console diff {label} live --take-snapshot" in planned.output
        assert "Settings and controllers" not in planned.output
        compared = await operator("diff", label, "live", "--take-snapshot", "--yes")
        assert compared.code == 0, compared.errors

        directory = tmp_path / NAME
        assert (await operator("export", "latest", NAME, "--to", str(directory))).code == 0
        shutil.rmtree(operator.repository)
        assert (await operator("import", str(directory))).code == 0
        planned = await operator("restore", NAME, "--from", "latest", "--dry-run")
        assert planned.code == 0, planned.errors
        assert "Memory: only its sizes" in planned.output
        assert "Settings and controllers: the backup holds none." in planned.output
