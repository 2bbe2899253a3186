"""`rehearse` as an operator runs it: verdict, exit code, and where the result is shown afterwards."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from quri_console.backup.health_replies import HealthReply, argument_of
from quri_console.clock import SystemClock, utc_datetime
from quri_console.config.model import HealthCheck
from quri_console.repository.marks import read_marks
from quri_console.repository.store import Repository
from tests.support.backups import AT, repository_in, write_backup
from tests.support.bad_disks import ReadOnlyDisk
from tests.support.command import invoke, write_config
from tests.support.operator_command import operator_on_fleet
from tests.support.rehearsals import FALSE, MadeUpCopy, module, store
from tests.support.repositories import age_identities, flip_byte, small_repository

Capture = pytest.CaptureFixture[str]
YES = MadeUpCopy(module("(call $yes)"))
LACKING = MadeUpCopy(module("(call $f)", imports='(import "ic0" "brand_new" (func $f))'))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return repository_in(tmp_path / "repository")


@pytest.fixture
def config(tmp_path: Path, repository: Repository) -> Path:
    name = store(repository, {"pig": YES}, at=AT - timedelta(days=300))
    canister = repository.manifest(name).items[0].fields["id"]
    other = canister_id_of(repository, 1)
    path = write_config(tmp_path)
    tables = f'[canisters.pig]\nid = "{canister}"\nhealth_query = "health"\n'
    tables += f'[canisters.other]\nid = "{other}"\nhealth_query = "health"\n'
    path.write_text(path.read_text() + tables)
    return path


def canister_id_of(repository: Repository, number: int) -> str:
    names = {str(at): YES for at in range(number + 1)}
    name = store(repository, names, at=AT - timedelta(days=400))
    return str(repository.manifest(name).items[number].fields["id"])


async def test_a_backup_of_the_fleet_passes_and_says_so_wherever_it_is_listed(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        assert (await operator("backup", "--confirm", "local")).code == 0
        ended = await operator("rehearse", "latest")
        same = ended.output.count("`health` answered: healthy, the same as when the backup was taken")
        assert (ended.code, same) == (0, 4), ended
        found = (await operator("list", "--json")).json()["backups"][0]
        assert (found["rehearsal"], found["rehearsed_at"] is not None) == ("passed", True)
        assert "rehearsed" in (await operator("list")).output
        shown = (await operator("show", "latest", "--json")).json()["marks"]
        assert {one["name"]: one["verdict"] for one in shown["rehearsed"]} == dict.fromkeys(
            ("rune-engine", "registry", "bitcoin-integration", "identity-manager"), "passed"
        )
        again = await operator("rehearse", "--all")
        assert (again.code, "already" in again.output) == (0, True)


def test_exit_code_and_marks_of_what_passed_failed_and_could_not_be_tried(
    config: Path, repository: Repository, capsys: Capture
) -> None:
    wrong = [HealthReply("health", argument_of(HealthCheck("health")), FALSE)]
    passed = store(repository, {"pig": YES, "other": YES})
    failed = store(repository, {"pig": YES, "other": LACKING}, replies=wrong)
    lacking = store(repository, {"pig": YES, "other": LACKING})
    for name, code, verdict in ((passed, 0, "passed"), (failed, 1, "failed"), (lacking, 3, "not rehearsable")):
        ended = invoke(capsys, "--config", config, "rehearse", name)
        assert (ended.code, ended.output.startswith(f"{name}: {verdict} in ")) == (code, True), ended
    listed = json.loads(invoke(capsys, "--config", config, "list", "--json").output)["backups"]
    verdicts = {one["name"]: one["rehearsal"] for one in listed}
    assert [verdicts[name] for name in (passed, failed, lacking)] == ["passed", "failed", "partly passed"]
    table = invoke(capsys, "--config", config, "list").output
    assert "rehearsal failed" in table
    assert "partly rehearsed" in table
    shown = invoke(capsys, "--config", config, "show", failed).output
    assert "answers otherwise than when the backup was taken" in shown.replace("\n", " ")


def test_one_canister_by_name_in_json(config: Path, repository: Repository, capsys: Capture) -> None:
    name = store(repository, {"pig": YES, "other": LACKING})
    ended = invoke(capsys, "--config", config, "rehearse", name, "--canister", "pig", "--json")
    assert ended.code == 0
    (found,) = json.loads(ended.output)["backups"]
    assert (found["backup"], found["verdict"], found["kept"]) == (name, "passed", True)
    assert [(one["name"], one["verdict"]) for one in found["canisters"]] == [("pig", "passed")]
    slashed = invoke(capsys, "--config", config, "rehearse", f"{name}/pig", "--json")
    assert len(json.loads(slashed.output)["backups"][0]["canisters"]) == 1
    unknown = invoke(capsys, "--config", config, "rehearse", name, "--canister", "nobody")
    assert (unknown.code, "does not hold nobody" in unknown.errors) == (2, True)


def test_all_takes_what_is_new_and_young_and_goes_on_after_damage(
    config: Path, repository: Repository, tmp_path: Path, capsys: Capture
) -> None:
    now = utc_datetime(SystemClock().now_ns()).replace(microsecond=0)
    young, broken, half = (
        store(repository, {"pig": YES, "other": YES}, at=now - timedelta(days=days)) for days in (20, 15, 10)
    )
    without = write_backup(repository, at=now - timedelta(days=5), mode="metadata")
    flip_byte(tmp_path / "repository" / "backups" / broken / "MANIFEST.toml", 40)
    assert invoke(capsys, "--config", config, "rehearse", half, "--canister", "pig").code == 0
    ended = invoke(capsys, "--config", config, "rehearse", "--all", "--since", "30d", "--json")
    found = {one["backup"]: one for one in json.loads(ended.output)["backups"]}
    assert (list(found), ended.code) == ([young, broken, half], 1)
    assert found[broken]["problem"]
    assert without not in found
    again = invoke(capsys, "--config", config, "rehearse", "--all", "--since", "12d")
    assert (again.code, "rehearsed already" in again.output) == (0, True)


@pytest.mark.parametrize(
    "arguments", [(), ("latest", "--all"), ("--all", "--canister", "pig"), ("latest", "--since", "3d")]
)
def test_arguments_that_do_not_go_together_are_a_usage_error(
    config: Path, capsys: Capture, arguments: tuple[str, ...]
) -> None:
    assert invoke(capsys, "--config", config, "rehearse", *arguments).code == 2


def test_a_backup_without_state_and_a_check_that_is_no_candid_are_refused(
    config: Path, repository: Repository, capsys: Capture
) -> None:
    name = write_backup(repository, mode="metadata")
    ended = invoke(capsys, "--config", config, "rehearse", name)
    assert (ended.code, "holds no state" in ended.errors) == (2, True)
    config.write_text(config.read_text() + '[[canisters.other.health]]\nmethod = "a"\nexpect = "(5"\n')
    store(repository, {"pig": YES, "other": YES})
    ended = invoke(capsys, "--config", config, "rehearse", "latest")
    assert (ended.code, "is not Candid text" in ended.errors) == (2, True)


def test_a_repository_that_cannot_be_written_is_rehearsed_and_says_that_nothing_was_kept(
    config: Path, repository: Repository, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = store(repository, {"pig": YES})
    read_only = Repository.open(ReadOnlyDisk(tmp_path / "repository"))
    monkeypatch.setattr("quri_console.service.rehearsals.open_repository", lambda *_, **__: read_only)
    ended = invoke(capsys, "--config", config, "rehearse", name)
    assert (ended.code, "could not be noted" in ended.output.replace("\n", " ")) == (0, True), ended
    assert (
        json.loads(invoke(capsys, "--config", config, "rehearse", name, "--json").output)["backups"][0]["kept"] is False
    )
    assert read_marks(repository.backend, name) == ((), ())


def test_an_encrypted_repository_is_rehearsed_with_its_key_only(tmp_path: Path, capsys: Capture) -> None:
    made = small_repository(tmp_path / "repository", encrypted=True, sets=())
    name = store(made.open(), {"pig": YES}, replies=[HealthReply("health", b"", None, "secret")])
    config = write_config(tmp_path)
    assert invoke(capsys, "--config", config, "rehearse", "latest").code == 12
    records = (tmp_path / "repository" / "backups" / name / "pig" / "health.toml").read_bytes()
    assert b"secret" not in records
    identity = tmp_path / "identity"
    identity.write_text(age_identities()[0][0])
    identity.chmod(0o600)
    text = config.read_text().replace("[repository]\n", f'[repository]\nidentity = "{identity}"\n')
    number = made.open().manifest(name).items[0].fields["id"]
    config.write_text(f'{text}[canisters.pig]\nid = "{number}"\nhealth_query = "health"\n')
    ended = invoke(capsys, "--config", config, "rehearse", "latest")
    assert ended.code == 0, ended
