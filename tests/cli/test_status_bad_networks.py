"""`status` against networks that are not what the configuration says: clear words, exit 16, nothing believed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from quri_console.localnet.faults import FaultRule, ForgedCertificate, StaleCertificate, Truncate
from tests.support.command import Finished, invoke
from tests.support.fleets import write_config
from tests.support.networks import local_network
from tests.support.watched import watched_network, write_watching_config


async def status(capsys: pytest.CaptureFixture[str], config: Path) -> Finished:
    return await asyncio.to_thread(invoke, capsys, "--config", config, "status", "--live")


def refused(finished: Finished) -> str:
    """Everything that was said, after checking that it was said as a network failure."""
    assert finished.code == 16
    assert "Error: no canister answered on local." in finished.errors
    assert "Next: " in finished.errors
    assert "Traceback" not in finished.errors
    return " ".join((finished.output + finished.errors).split())


@asynccontextmanager
async def web_server(reply: bytes) -> AsyncIterator[int]:
    """A server that answers everything with the same bytes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        writer.write(reply)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_nobody_listens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with web_server(b"") as port:
        pass
    said = refused(await status(capsys, write_config(tmp_path, f"http://127.0.0.1:{port}")))
    assert "unreachable: " in said


async def test_something_else_listens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 13\r\n\r\n<html></html>"
    async with web_server(page) as port:
        said = refused(await status(capsys, write_config(tmp_path, f"http://127.0.0.1:{port}")))
    assert "unreachable: " in said


async def test_no_tls_where_tls_should_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with web_server(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as port:
        said = refused(await status(capsys, write_config(tmp_path, f"https://127.0.0.1:{port}")))
    assert "unreachable: " in said


async def test_another_networks_root_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with local_network() as other, watched_network(tmp_path) as watched:
        config = write_watching_config(tmp_path, watched.net, watched.canisters)
        text = config.read_text()
        config.write_text(text.replace("production = false", f'root_key = "{other.root_key.hex()}"'))
        said = refused(await status(capsys, config))
    assert "answer not trusted: " in said


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (Truncate(60), "unreachable: "),
        (ForgedCertificate(), "answer not trusted: "),
        (StaleCertificate(3600), "answer not trusted: "),
    ],
)
async def test_broken_answers(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    fault: Truncate | ForgedCertificate | StaleCertificate,
    word: str,
) -> None:
    async with watched_network(tmp_path, monitor='round_deadline = "5s"') as watched:
        for route in ("query", "read_state"):
            watched.net.faults.add(FaultRule(fault, route=route, count=None))
        said = refused(await status(capsys, watched.session.config.path))
    assert word in said
    assert "5 T" not in said
