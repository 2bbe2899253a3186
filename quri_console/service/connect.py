"""From a network of the configuration to an agent that trusts exactly that network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from quri_console.clock import Clock
from quri_console.config import IdentityConfig, NetworkConfig
from quri_console.config.model import is_mainnet_root_key
from quri_console.ic.agent import Agent, fetch_root_key
from quri_console.ic.certificates import MAINNET_ROOT_KEY_DER
from quri_console.ic.identity import AnonymousIdentity, Identity, load_identity


async def connect(
    network: NetworkConfig,
    identity: IdentityConfig | None,
    clock: Clock,
    *,
    passphrase: Callable[[], str] | None = None,
) -> Agent:
    """An agent for `network` that signs with `identity`, anonymous without one.

    `passphrase` is asked when the key file is encrypted. Raises NetworkError when the root key has
    to be fetched and cannot be, RefusedBySafetyRule when it may not be, and what `load_identity` raises.
    """
    signer: Identity = AnonymousIdentity() if identity is None else load_identity(identity.pem, passphrase)
    return Agent(network.url, root_key=await root_key_of(network), identity=signer, clock=clock)


async def root_key_of(network: NetworkConfig) -> bytes:
    """The DER root key that this network's certificates must chain to."""
    if network.root_key is None:
        return MAINNET_ROOT_KEY_DER
    if network.root_key == "fetch":
        return await fetch_root_key(network.url)
    return network.root_key


def as_shown(network: NetworkConfig, root_key: bytes | None) -> NetworkConfig:
    """The network as it turned out to be: one that shows mainnet's root key is production whatever the file says."""
    if root_key is not None and is_mainnet_root_key(root_key):
        return replace(network, production=True)
    return network
