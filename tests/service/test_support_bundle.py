"""The support bundle tells much and no secret."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from quri_console.service.support_bundle import redacted
from tests.support.damaged_canister import CONFIRM, NAME, damaged_canister

SECRET = "https://hooks.example/T0/secret-part"


async def test_the_bundle_holds_what_happened_and_nothing_that_opens_a_door(tmp_path: Path) -> None:
    async with damaged_canister(tmp_path) as scene:
        restored = await scene.operator("restore", NAME, "--from", "latest", *CONFIRM, "--reason", "INC-42")
        assert restored.code == 0, restored.errors
        with scene.operator.config.open("a") as file:
            file.write('\n[channels.ops]\nkind = "generic"\nurl_file = "hook"\n')
        (tmp_path / "hook").write_text(SECRET)
        (tmp_path / "hook").chmod(0o600)
        bundle = tmp_path / "support.zip"
        told = await scene.operator("doctor", "--bundle", str(bundle), "--json")
        assert "Look into it before you give it away" in told.errors
        with zipfile.ZipFile(bundle) as opened:
            names = opened.namelist()
            texts = {name: opened.read(name).decode() for name in names}
        assert bundle.stat().st_mode & 0o777 == 0o600
        kept = [json.loads(line) for line in texts["service-log.jsonl"].splitlines()]
        assert {"runner", "console"} <= {line["process"] for line in kept}
        assert {"versions.json", "config.toml", "doctor.json", "alerts.json", "audit.json"} <= set(names)
        (journal,) = [text for name, text in texts.items() if "-restore-" in name and name.endswith("journal.json")]
        assert any(record.get("effect") == "load snapshot" for record in json.loads(journal))
        key = (tmp_path / "controller.pem").read_text()
        everything = "".join(texts.values())
        assert "INC-42" in everything
        assert "envelope" not in everything
        assert SECRET not in everything
        assert key.splitlines()[1] not in everything
        again = await scene.operator("doctor", "--bundle", str(bundle))
        assert again.code == 1
        assert "support.zip" in again.errors


def test_a_configuration_is_redacted_line_by_line() -> None:
    text = (
        '[networks.ic]\nurl = "https://me:pw@icp-api.io"\n[channels.a]\nurl_command = "pass show x"\n'
        'kind = "generic"\ntoken = "t"\n[monitor.heartbeats.x]\nurl = "https://hc/uuid"\n'
    )
    shown = redacted(text)
    assert "https://…@icp-api.io" in shown
    for secret in ("pw", "pass show", '"t"', "uuid"):
        assert secret not in shown
    assert 'kind = "generic"' in shown
