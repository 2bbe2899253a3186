"""What anyone may read of a canister from the certified state tree, without asking the canister.

Interface specification, "State tree". All raise what `Agent.read_state` raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quri_console.errors import QuriError
from quri_console.ic.certificates import Certificate, MalformedCertificate
from quri_console.ic.encoding import cbor
from quri_console.ic.encoding.principal import Principal

if TYPE_CHECKING:
    from quri_console.ic.agent import Agent


class CanisterNotFound(QuriError):
    """The network certifies that this canister does not exist."""


@dataclass(frozen=True, slots=True)
class PublicInformation:
    """Controllers and the SHA-256 of the installed module (None: no code), at one moment."""

    controllers: tuple[Principal, ...]
    module_hash: bytes | None
    certified_at_ns: int


async def public_information(agent: Agent, canister: Principal) -> PublicInformation:
    """Controllers and module hash in one read; raises CanisterNotFound."""
    certificate = await agent.read_state([_path(canister, b"controllers"), _path(canister, b"module_hash")], canister)
    return PublicInformation(
        _controllers(certificate, canister),
        certificate.value(_path(canister, b"module_hash")),
        certificate.time_ns,
    )


async def controllers(agent: Agent, canister: Principal) -> tuple[Principal, ...]:
    """Who may change the canister; raises CanisterNotFound."""
    return _controllers(await agent.read_state([_path(canister, b"controllers")], canister), canister)


async def module_hash(agent: Agent, canister: Principal) -> bytes | None:
    """SHA-256 of the installed module; None when there is no code or no such canister."""
    path = _path(canister, b"module_hash")
    return (await agent.read_state([path], canister)).value(path)


async def metadata(agent: Agent, canister: Principal, name: str) -> bytes | None:
    """A custom section of the module, `candid:service` for one; None when it has none of this name.

    Sections marked private are for controllers; for others the network refuses (UnexpectedAnswer, HTTP 403).
    """
    path = _path(canister, b"metadata", name.encode())
    return (await agent.read_state([path], canister)).value(path)


async def subnet_id_of(agent: Agent, canister: Principal) -> Principal:
    """The subnet that proves to hold the canister's id."""
    return (await agent.read_state([[b"time"]], canister)).subnet


def _path(canister: Principal, *labels: bytes) -> tuple[bytes, ...]:
    return (b"canister", canister.bytes, *labels)


def _controllers(certificate: Certificate, canister: Principal) -> tuple[Principal, ...]:
    encoded = certificate.value(_path(canister, b"controllers"))
    if encoded is None:
        raise CanisterNotFound(
            f"There is no canister {canister.to_str()} on this network",
            next_step="Check the canister's id and the network it should be on.",
        )
    listed = cbor.decode(encoded)
    if not isinstance(listed, list):
        raise MalformedCertificate("its controllers are not a list")
    return tuple(_principal(item) for item in listed)


def _principal(item: object) -> Principal:
    if not isinstance(item, bytes):
        raise MalformedCertificate("a controller is not a principal")
    return Principal(item)
