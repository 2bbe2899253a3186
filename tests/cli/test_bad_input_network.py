"""Networks that cannot be reached, are something else, or lie: nobody believes them, nothing stays behind."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from quri_console.clock import ManualClock, SystemClock
from quri_console.localnet.canister import RunState
from quri_console.localnet.faults import DropAfter, DropBefore, FaultRule, Refuse, Truncate
from tests.support.bad_input import canister_of, failed, nothing_left_behind
from tests.support.guinea_pig import read_back
from tests.support.networks import local_network
from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.raw_server import Behaviour, raw_server, sends

FIVE_GB = 5_000_000_000
COMMANDS = (("backup", "registry"), ("status", "--live"))


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with operator_on_fleet(tmp_path) as opened:
        yield opened


def _head(length: int | None, *, status: str = "200 OK", kind: str = "application/cbor") -> bytes:
    size = "" if length is None else f"content-length: {length}\r\n"
    return f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n{size}\r\n".encode()


def _page(status: str) -> Behaviour:
    body = b"<html><body>It works!</body></html>"
    return sends(_head(len(body), status=status, kind="text/html") + body)


async def _pours(writer: asyncio.StreamWriter) -> None:
    """A body without an end."""
    writer.write(_head(None))
    while True:
        writer.write(b"\xa1" * 65_536)
        await writer.drain()


LIES: dict[str, Behaviour] = {
    "html": _page("200 OK"),
    "not-found": _page("404 Not Found"),
    "announces-5-gb": sends(_head(FIVE_GB) + b"\xd9\xd9\xf7"),
    "claims-a-5-gb-blob": sends(_head(9) + b"\x5b" + FIVE_GB.to_bytes(8)),
    "deeply-nested": sends(_head(100_000) + b"\x81" * 100_000),
    "endless": _pours,
}


@pytest.mark.parametrize("lie", LIES)
async def test_something_that_is_no_internet_computer(operator: Operator, lie: str) -> None:
    async with raw_server(LIES[lie]) as url:
        operator.edit(operator.net.url, url)
        failed(await operator("status", "--live"), 16)
        failed(await operator("backup", "registry"), 16)
    assert canister_of(operator, "registry").snapshots_made == 0
    nothing_left_behind(operator)


async def test_connections_that_break_are_not_repeated_for_minutes_before_anything_began(operator: Operator) -> None:
    async with raw_server(sends(b"")) as url:
        operator.edit(operator.net.url, url)
        said = failed(await operator("backup", "registry"), 16)
    assert url in said
    assert "no usable answer within" in said
    nothing_left_behind(operator)


async def test_nobody_listens(operator: Operator) -> None:
    async with raw_server(sends(b"")) as url:
        pass
    operator.edit(operator.net.url, url)
    for command in COMMANDS:
        said = failed(await operator(*command), 16)
        assert url in said or "cannot be reached" in said


async def test_a_certificate_that_nobody_trusts(operator: Operator, tmp_path: Path) -> None:
    server = await asyncio.start_server(_silent, "127.0.0.1", 0, ssl=_self_signed(tmp_path))
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        operator.edit(operator.net.url, url)
        for command in COMMANDS:
            assert "certificate" in failed(await operator(*command), 16)
    nothing_left_behind(operator)


async def _silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


def _self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


async def test_another_networks_root_key(operator: Operator) -> None:
    async with local_network() as other:
        operator.edit(operator.net.root_key.hex(), other.root_key.hex())
        for command in COMMANDS:
            said = failed(await operator(*command), 16)
            assert "root_key" in said or "root key" in said
    nothing_left_behind(operator)


@pytest.mark.parametrize("minutes", [-10, 10])
async def test_clocks_that_disagree(tmp_path: Path, minutes: int) -> None:
    clock = ManualClock(SystemClock().now_ns() + minutes * 60 * 1_000_000_000)
    async with operator_on_fleet(tmp_path, clock=clock) as operator:
        for command in COMMANDS:
            assert "clock" in failed(await operator(*command), 16)
        nothing_left_behind(operator)


@pytest.mark.parametrize(
    "fault", [Truncate(60), DropBefore(), DropAfter(), Refuse(503), Refuse(429)], ids=lambda fault: type(fault).__name__
)
async def test_a_short_breakdown_during_the_download_is_survived(
    operator: Operator, fault: Truncate | DropBefore | DropAfter | Refuse
) -> None:
    rule = operator.net.faults.add(FaultRule(fault, method="read_canister_snapshot_data", count=3))
    assert (await operator("backup", "registry")).code == 0
    assert rule.applied == 3
    stored = operator.stored("registry")
    assert read_back(stored)
    registry = canister_of(operator, "registry")
    # the newest stays on chain: registry is of high criticality
    assert (registry.run_state, list(registry.snapshots)) == (RunState.RUNNING, [stored.entry.snapshot_id])
