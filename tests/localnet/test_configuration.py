"""The configuration that a local network writes for itself, read by the product's own loader."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from quri_console.config import load_config
from quri_console.config.model import HealthCheck
from quri_console.ic.identity import load_identity
from quri_console.localnet.configuration import ConfiguredCanister, Controller, write_configuration

ROOT_KEY = bytes.fromhex("308182301d060d2b0601040182dc7c0503010201060c2b0601040182dc7c05030201036100") + bytes(
    range(96)
)
FLEET = [
    ConfiguredCanister("rune-engine", "pkrpq-5qaaa-aaaah-aroda-cai"),
    ConfiguredCanister("extra", "aaaaa-aa", "low", None),
]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write(folder: Path, canisters: list[ConfiguredCanister]) -> Path:
    Controller.kept_in(folder)
    return write_configuration(folder, url="http://127.0.0.1:9", root_key=ROOT_KEY, canisters=canisters)


def test_it_is_what_the_product_loads(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, FLEET))
    network = config.network()
    assert (network.name, network.url, network.root_key) == ("local", "http://127.0.0.1:9", ROOT_KEY)
    assert not network.production
    assert [(item.name, item.id, item.criticality, item.health_checks) for item in config.canisters] == [
        ("rune-engine", "pkrpq-5qaaa-aaaah-aroda-cai", "high", (HealthCheck("health"),)),
        ("extra", "aaaaa-aa", "low", ()),
    ]
    for place in (config.paths.state, config.paths.data, config.paths.cache, config.repository.path):
        assert place.is_relative_to(tmp_path)


def test_a_network_without_canisters_has_a_configuration_too(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, [])).canisters == ()


@pytest.mark.parametrize("duty", ["poll", "backup", "operate"])
def test_every_duty_has_the_controllers_key(tmp_path: Path, duty: str) -> None:
    identity = load_config(write(tmp_path, FLEET)).require_identity(duty)
    assert load_identity(identity.pem).sender.bytes == Controller.kept_in(tmp_path).principal


def test_both_files_are_their_owners_alone(tmp_path: Path) -> None:
    path = write(tmp_path, FLEET)
    assert mode(path) == mode(tmp_path / "controller.pem") == 0o600
    assert sorted(item.name for item in tmp_path.iterdir()) == ["config.toml", "controller.pem"]


def test_the_controller_stays_the_same_and_its_key_out_of_sight(tmp_path: Path) -> None:
    first, again = Controller.kept_in(tmp_path), Controller.kept_in(tmp_path)
    assert first == again
    assert Controller.make().principal != first.principal
    assert "PRIVATE" not in repr(first)
    assert first.principal.hex() in repr(first)
