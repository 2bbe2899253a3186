"""The demo fleet: QURI's four canisters under their real ids, with data made by real calls, and as many small ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from quri_console.errors import QuriError
from quri_console.ic.encoding import candid
from quri_console.ic.encoding.candid import Types
from quri_console.ic.encoding.principal import parse_principal
from quri_console.localnet import management_types as types
from quri_console.localnet.configuration import ConfiguredCanister
from quri_console.localnet.messages import MANAGEMENT_CANISTER, Ingress, Reject
from quri_console.localnet.network import Network
from quri_console.localnet.small_canister import small_module
from quri_console.localnet.subnet import canister_id
from quri_console.localnet.words import text_of
from quri_console.units import BILLION, TRILLION

# Apart from the ids that the network gives out, so that both can grow.
FIRST_EXTRA_ID = 0x8000_0000_0018_0000
# While it is set up a canister has plenty, so that what it has afterwards is round.
_SETUP_CYCLES = 100 * TRILLION


@dataclass(frozen=True, slots=True)
class Filling:
    """An update call that makes data: natural numbers, each with its Candid type."""

    method: str
    arguments: tuple[tuple[Any, int], ...]

    @property
    def encoded(self) -> bytes:
        return candid.encode([kind for kind, _ in self.arguments], [value for _, value in self.arguments])


@dataclass(frozen=True, slots=True)
class FleetCanister:
    """One of the four: its mainnet id, its balance, and the calls that fill it."""

    name: str
    id: str
    criticality: str
    cycles: int
    fillings: tuple[Filling, ...]

    @property
    def module(self) -> bytes:
        """The built module of `fleet/NAME.mo`."""
        return resources.files(__package__).joinpath("fleet", f"{self.name}.wasm.gz").read_bytes()


def _many(method: str, count: int, seed: int) -> Filling:
    return Filling(method, ((Types.Nat, count), (Types.Nat64, seed)))


FLEET: tuple[FleetCanister, ...] = (
    FleetCanister(
        "rune-engine",
        "pkrpq-5qaaa-aaaah-aroda-cai",
        "high",
        492 * BILLION,
        (_many("etch_runes", 2_000, 840_000), _many("settle", 5_000, 21)),
    ),
    FleetCanister(
        "registry",
        "pnqje-qiaaa-aaaah-arodq-cai",
        "high",
        493_800_000_000,
        (_many("register_many", 1_000, 7),),
    ),
    FleetCanister(
        "bitcoin-integration",
        "yz6hf-qqaaa-aaaah-arn5a-cai",
        "medium",
        488_400_000_000,
        (Filling("sync_headers", ((Types.Nat, 500),)), _many("index_utxos", 500, 3)),
    ),
    FleetCanister(
        "identity-manager",
        "y67br-5iaaa-aaaah-arn5q-cai",
        "medium",
        486_100_000_000,
        (_many("create_profiles", 300, 11),),
    ),
)


class FleetFailure(QuriError):
    """The demo fleet could not be set up."""


async def install(network: Network, controller: bytes, *, fleet: bool, extra: int) -> list[ConfiguredCanister]:
    """Install what is not there yet; returns the canisters of the configuration. Raises FleetFailure."""
    if fleet:
        await install_fleet(network, controllers=[controller])
    return [
        *([ConfiguredCanister(item.name, item.id, item.criticality) for item in FLEET] if fleet else []),
        *await install_extra(network, extra, controllers=[controller]),
    ]


async def install_fleet(network: Network, *, controllers: Sequence[bytes]) -> None:
    """Create, install and fill the four canisters; one that exists already stays as it is."""
    for item in FLEET:
        identifier = parse_principal(item.id).bytes
        if identifier in network.subnet.canisters:
            continue
        await _set_up(network, identifier, item.module, controllers)
        for filling in item.fillings:
            await _call(network, Ingress(controllers[0], identifier, filling.method, filling.encoded))
        network.subnet.get(identifier).cycles = item.cycles


async def install_extra(network: Network, count: int, *, controllers: Sequence[bytes]) -> list[ConfiguredCanister]:
    """`count` small canisters with the same ids each time and between 0.2 and 20 T cycles."""
    configured = []
    for number in range(count):
        identifier = canister_id(FIRST_EXTRA_ID + number)
        if identifier not in network.subnet.canisters:
            await _set_up(network, identifier, small_module(), controllers)
            network.subnet.get(identifier).cycles = (number * 7_919 % 199 + 2) * TRILLION // 10
        configured.append(ConfiguredCanister(f"extra-{number + 1:04}", text_of(identifier), "low"))
    return configured


async def _set_up(network: Network, identifier: bytes, module: bytes, controllers: Sequence[bytes]) -> None:
    network.create_canister(controllers=controllers, cycles=_SETUP_CYCLES, canister_id=identifier)
    record = {
        "mode": {"install": None},
        "canister_id": identifier,
        "wasm_module": module,
        "arg": candid.encode([], []),
        "sender_canister_version": [],
    }
    argument = candid.encode([types.INSTALL_CODE_ARGUMENT], [record])
    await _call(network, Ingress(controllers[0], MANAGEMENT_CANISTER, "install_code", argument))


async def _call(network: Network, ingress: Ingress) -> None:
    answer = await network.update(ingress)
    if isinstance(answer, Reject):
        raise FleetFailure(
            f"The demo fleet could not be set up: {ingress.method}", why=f"{answer.error_code} {answer.message}"
        )
