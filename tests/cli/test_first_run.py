"""The first start without a configuration: what is found, asked, tried and written."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from quri_console.config import load_config
from quri_console.errors import ConfigError, QuriError
from quri_console.service.first_configuration import Wish, configuration_text, write_configuration
from quri_console.service.first_run import FoundCanister, FoundNetwork, look
from tests.support.command import invoke
from tests.support.consoles import FLEET, closed_port
from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.pty_console import PtyConsole

RUNE = FLEET["rune-engine"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of its own, for this process, too."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in ("QURI_CONFIG", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return folder


def key_file(path: Path, content: bytes = b"not read here", mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return path


def project(folder: Path, *, port: int) -> Path:
    """A dfx project whose canisters are on a local network at this port and on mainnet."""
    (folder / "src" / "deep").mkdir(parents=True)
    (folder / "dfx.json").write_text(json.dumps({"networks": {"local": {"bind": f"127.0.0.1:{port}"}}}))
    ids = {name: {"local": canister_id} for name, canister_id in FLEET.items()}
    ids["rune-engine"]["ic"] = RUNE
    (folder / "canister_ids.json").write_text(json.dumps(ids))
    return folder / "src" / "deep"


def config_of(home: Path) -> Path:
    return home / ".config/quri-console/config.toml"


# what is found


def test_identities_of_dfx_and_icp_are_found_and_unusable_ones_say_why(home: Path) -> None:
    key_file(home / ".config/dfx/identity/default/identity.pem")
    key_file(home / ".config/dfx/identity/open/identity.pem", mode=0o644)
    key_file(home / ".config/dfx/identity/locked/identity.pem.encrypted")
    key_file(home / ".local/share/icp-cli/identity/keys/operator.pem")
    found = {(item.tool, item.name): item.problem for item in look(home, home, {}).identities}
    assert found[("dfx", "default")] == found[("icp", "operator")] == ""
    assert "chmod 600" in found[("dfx", "open")]
    assert "dfx identity export" in found[("dfx", "locked")]
    elsewhere = look(home, home, {"DFX_CONFIG_ROOT": str(home / "x"), "ICP_HOME": str(home / "y")})
    assert elsewhere.identities == ()


def test_canisters_are_found_from_below_the_project(home: Path) -> None:
    found = look(project(home / "work", port=4949), home, {})
    assert found.projects == (home / "work",)
    assert [(network.name, network.url) for network in found.networks] == [
        ("ic", "https://icp-api.io"),
        ("local", "http://127.0.0.1:4949"),
    ]
    assert {canister.name: canister.id for canister in found.canisters_on("local")} == FLEET
    assert [canister.id for canister in found.canisters_on("ic")] == [RUNE]


def test_canisters_of_icp_and_remote_ones_of_dfx_are_found(home: Path) -> None:
    (home / "icp.yaml").write_text("canisters: []\n")
    mappings = home / ".icp/data/mappings"
    mappings.mkdir(parents=True)
    (mappings / "ic.ids.json").write_text(json.dumps({"registry": FLEET["registry"]}))
    (home / "dfx.json").write_text(json.dumps({"canisters": {"rune": {"remote": {"id": {"ic": RUNE}}}}}))
    assert {canister.name for canister in look(home, home, {}).canisters_on("ic")} == {"registry", "rune"}


@pytest.mark.parametrize(
    "text",
    ["[]", "{", '{"a": 1}', '{"a": {"ic": "no-principal"}}', '{"": {"ic": "' + RUNE + '"}}', "[" * 100_000, "\0"],
    ids=["array", "cut", "number", "no id", "no name", "deep", "zero"],
)
def test_broken_files_of_others_are_no_failure(home: Path, text: str) -> None:
    for name in ("canister_ids.json", "dfx.json"):
        (home / name).write_text(text)
    assert look(home, home, {}).canisters == ()


def test_hostile_and_doubled_names_become_usable(home: Path) -> None:
    others = list(FLEET.values())
    ids = {"\x1b[31mevil name": {"ic": others[0]}, "a b": {"ic": others[1]}, "a-b": {"ic": others[2]}}
    (home / "canister_ids.json").write_text(json.dumps(ids))
    assert [item.name for item in look(home, home, {}).canisters] == ["31mevil-name", "a-b", "a-b-2"]


# what is written


def test_the_written_configuration_is_readable_commented_and_private(home: Path) -> None:
    canisters = tuple(FoundCanister(name, canister_id, "ic", home) for name, canister_id in FLEET.items())
    wish = Wish(FoundNetwork("ic", "https://icp-api.io"), canisters, home / "key.pem")
    path = config_of(home)
    write_configuration(path, configuration_text(wish))
    config = load_config(path)
    assert {canister.name: canister.id for canister in config.canisters} == FLEET
    assert config.network().production
    assert [identity.pem for identity in config.identities] == [home / "key.pem"] * 3
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert "# One key for each duty" in path.read_text()
    assert list(path.parent.iterdir()) == [path]


def test_a_local_network_is_no_production_and_nothing_is_replaced(home: Path) -> None:
    text = configuration_text(Wish(FoundNetwork("local", "http://127.0.0.1:4943")))
    path = config_of(home)
    write_configuration(path, text)
    assert not load_config(path).network().production
    with pytest.raises(QuriError, match="is there already"):
        write_configuration(path, text)
    with pytest.raises(ConfigError, match="url"):
        write_configuration(home / "other.toml", configuration_text(Wish(FoundNetwork("x", "gopher"))))
    assert not (home / "other.toml").exists()


# how it is asked


def test_without_a_terminal_it_names_what_to_do_instead(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    finished = invoke(capsys, "init", "--guided")
    assert finished.code == 2
    assert "config.example.toml" in finished.errors
    finished = invoke(capsys, "status")
    assert "quri-console init --guided" in finished.errors
    assert "config.example.toml" in finished.errors


def test_guided_makes_no_repository(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    finished = invoke(capsys, "init", "--guided", "--plain")
    assert finished.code == 2
    assert "not both" in finished.errors


def _first_start(operator: Operator, home: Path, folder: Path) -> None:
    with PtyConsole([], columns=120, rows=40, folder=folder, environment={"HOME": str(home)}) as console:
        console.wait_for("There is no configuration yet", "What now [1]:")
        console.press("\r")
        console.wait_for("Found a project in", "Which network [1]:", "local  http://127.0.0.1")
        console.press("2\r")
        console.wait_for("Which key [1]:", "dfx identity default")
        console.press("\r")
        console.wait_for("Take these", RUNE)
        console.press("\r")
        console.wait_for(*FLEET, "1-5 Views", seconds=60)
        console.press("q")
        console.seconds_to_end()
        assert b"running, " in console.received
        assert b"readable by you alone" in console.received


async def test_a_first_start_leads_to_the_open_console(home: Path, tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        identity = load_config(operator.config).require_identity("operate").pem
        key_file(home / ".config/dfx/identity/default/identity.pem", identity.read_bytes())
        folder = project(home / "work", port=int(operator.net.url.rsplit(":", 1)[1]))
        await asyncio.to_thread(_first_start, operator, home, folder)
    written = load_config(config_of(home))
    assert written.network().name == "local"
    assert len(written.canisters) == 4


def test_a_network_that_does_not_answer_leaves_the_choice(home: Path) -> None:
    folder = project(home / "work", port=closed_port())
    environment = {"HOME": str(home)}
    with PtyConsole(["init", "--guided"], columns=120, rows=40, folder=folder, environment=environment) as console:
        console.wait_for("Which network [1]:")
        console.press("2\r")
        console.wait_for("Which key [1]:")
        console.press("2\r")
        console.wait_for("Take these")
        console.press("y\r")
        console.wait_for("What now [1]:", "Write the configuration all the same")
        console.press("3\r")
        console.wait_until_ended()
        assert console.process.returncode == 130
    assert not config_of(home).exists()


def test_canisters_can_be_typed_and_mistypings_are_told(home: Path) -> None:
    environment = {"HOME": str(home)}
    with PtyConsole(["init", "--guided"], columns=240, rows=40, folder=home, environment=environment) as console:
        console.wait_for("Which network [1]:")
        console.press("2\r")
        console.wait_for("Address, like")
        console.press(f"http://127.0.0.1:{closed_port()}\r")
        console.wait_for("Which key [1]:")
        console.press("2\r")
        console.wait_for("Canister id")
        console.press("nonsense\r")
        console.wait_for("That is no canister id")
        console.press(f"{RUNE}\r")
        console.wait_for("What do you call it [canister-1]:")
        console.press("rune engine\r")
        console.wait_for("What do you call it [canister-1]: rune engine")
        console.press("\r")
        console.wait_for("What now [1]:")
        console.press("2\r")
        console.wait_for("Wrote ", "readable by")
        console.wait_until_ended()
        assert console.process.returncode == 0
    assert [canister.name for canister in load_config(config_of(home)).canisters] == ["rune-engine"]
    assert config_of(home).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("choice", ["demo", "leave"])
def test_a_first_start_can_lead_to_the_demo_or_away(home: Path, choice: str) -> None:
    with PtyConsole([], columns=100, rows=30, folder=home, environment={"HOME": str(home)}) as console:
        console.wait_for("There is no configuration yet", "What now [1]:")
        if choice == "demo":
            console.press("2\r")
            console.wait_for(*FLEET, "polled every", seconds=90)
            console.press("q")
            console.seconds_to_end(at_most=15)
            assert console.process.returncode == 0
        else:
            console.press("3\r")
            assert "init --guided" in console.wait_until_ended()
            assert console.process.returncode == 130
    assert not config_of(home).exists()
