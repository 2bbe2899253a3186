"""What a capture keeps besides the snapshot: each part read from a real network, each failing on its own."""

from __future__ import annotations

import asyncio
import time
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from pathlib import Path
from typing import cast

import pytest
import tomli_w

from quri_console.backup.extras import (
    EXPORT_METHODS,
    Absent,
    ExportRecord,
    Extras,
    ExtrasBudget,
    Failed,
    Present,
    extras_table,
    read_extras,
)
from quri_console.backup.plain import from_plain
from quri_console.clock import ManualClock
from quri_console.errors import Cancelled
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.candid import Types, decode, encode
from quri_console.ic.encoding.leb128 import encode_unsigned
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.identity import identity_from_pem
from quri_console.ic.management import change
from quri_console.ic.management.history_types import CanisterHistory, CodeDeployment
from quri_console.ic.management.types import CyclesConsumed, LogRecord, SettingsChange, Visibility
from quri_console.ic.prepared import perform
from quri_console.localnet import demo_fleet
from quri_console.localnet.builtins import PROXY_ID
from quri_console.localnet.configuration import Controller
from quri_console.localnet.faults import Delay, FaultRule, Refuse
from quri_console.localnet.management_methods import METHODS
from tests.support.guinea_pig import Laboratory, laboratory, laboratory_on
from tests.support.networks import local_network
from tests.support.wasm_canisters import wat

PROXY = Principal(PROXY_ID)
REPLY = encode([Types.Text], ["the state"])
OFFER = "service : { export_state : () -> (text) query }"
LOUD = '(func (export "canister_init") (call $print (i32.const 64) (i32.const 6)))'


def export(method: str = "canister_query export_state", body: str = "(call $append) (call $reply)") -> str:
    """A method that answers REPLY, or does what `body` says."""
    return f'(func (export "{method}") {body})'


def module(*functions: str, interface: str | None = OFFER) -> bytes:
    """A canister with these functions, and with an interface if any."""
    data = "".join(f"\\{byte:02x}" for byte in REPLY)
    code = wat(f"""(module
      (import "ic0" "msg_reply" (func $reply))
      (import "ic0" "msg_reply_data_append" (func $send (param i32 i32)))
      (import "ic0" "msg_reject" (func $reject (param i32 i32)))
      (import "ic0" "debug_print" (func $print (param i32 i32)))
      (memory 64)
      (data (i32.const 0) "{data}")
      (data (i32.const 64) "hello!")
      (func $append (call $send (i32.const 0) (i32.const {len(REPLY)})))
      {" ".join(functions)})""")
    return code if interface is None else code + _section("icp:public candid:service", interface.encode())


def _section(name: str, content: bytes) -> bytes:
    """A custom section of a Wasm module."""
    body = encode_unsigned(len(name)) + name.encode() + content
    return b"\x00" + encode_unsigned(len(body)) + body


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Laboratory]:
    async with laboratory(tmp_path) as lab:
        yield lab


async def read(lab: Laboratory, canister: Principal, *, export_method: str | None = None) -> Extras:
    """Everything, through the network's proxy."""
    return await read_extras(lab.agent, canister, proxy=PROXY, export_method=export_method)


def value(part: object) -> object:
    """What was read; fails the test where nothing was."""
    assert isinstance(part, Present), part
    return part.value


async def test_a_healthy_canister_gives_everything(lab: Laboratory) -> None:
    canister = await lab.create(code=module(LOUD, export()))
    extras = await read(lab, canister)
    assert value(extras.interface) == OFFER.encode()
    [line] = cast(tuple[LogRecord, ...], value(extras.logs))
    assert line.content == b"hello!"
    history = cast(CanisterHistory, value(extras.history))
    assert isinstance(history.changes[-1].details, CodeDeployment)
    assert (cast(CyclesConsumed, value(extras.metrics)).instructions or 0) > 0
    assert value(extras.export) == ExportRecord("export_state", REPLY)
    assert extras.failures == {}


async def test_an_empty_canister_has_no_interface_and_no_export_and_nothing_has_failed(lab: Laboratory) -> None:
    extras = await read(lab, await lab.create(code=b""))
    assert extras.interface == Absent("the module has no section candid:service")
    assert extras.export == Absent("the canister has no interface that would name one")
    assert (value(extras.logs), extras.failures) == ((), {})


async def test_without_a_proxy_there_is_no_history_and_nothing_has_failed(lab: Laboratory) -> None:
    canister = await lab.create(code=module(export()))
    extras = await read_extras(lab.agent, canister)
    assert isinstance(extras.history, Absent)
    assert "no proxy canister is configured" in extras.history.reason
    assert extras.failures == {}


async def test_the_first_export_that_is_offered_as_a_query_without_arguments_is_kept(lab: Laboratory) -> None:
    interface = """service : {
      export_state : () -> (text);
      get_all_data : (nat) -> (text) query;
      backup_data : () -> (text) composite_query;
    }"""
    updates = export("canister_update export_state", "unreachable")
    queries = export("canister_query get_all_data", "unreachable"), export("canister_composite_query backup_data")
    canister = await lab.create(code=module(updates, *queries, interface=interface))
    assert value((await read(lab, canister)).export) == ExportRecord("backup_data", REPLY)


@pytest.mark.parametrize("name", EXPORT_METHODS)
async def test_every_usual_name_of_an_export_is_known(lab: Laboratory, name: str) -> None:
    interface = f"service : {{ {name} : () -> (text) query }}"
    canister = await lab.create(code=module(export(f"canister_query {name}"), interface=interface))
    assert value((await read(lab, canister)).export) == ExportRecord(name, REPLY)


async def test_a_canister_that_offers_no_export_has_none_and_nothing_has_failed(lab: Laboratory) -> None:
    interface = "service : { export_state : () -> (text); health : () -> () query }"
    canister = await lab.create(code=module(export("canister_update export_state"), interface=interface))
    extras = await read(lab, canister)
    assert isinstance(extras.export, Absent)
    assert "none of export_state, get_all_data, backup_data" in extras.export.reason
    assert extras.failures == {}


async def test_an_interface_that_is_no_candid_is_kept_and_tells_of_no_export(lab: Laboratory) -> None:
    canister = await lab.create(code=module(export(), interface="service : { export_state"))
    extras = await read(lab, canister)
    assert value(extras.interface) == b"service : { export_state"
    assert list(extras.failures) == ["export"]
    assert "The Candid interface cannot be read" in extras.failures["export"].reason


async def test_a_named_export_needs_no_interface(lab: Laboratory) -> None:
    canister = await lab.create(code=module(export("canister_query dump"), interface=None))
    extras = await read(lab, canister, export_method="dump")
    assert value(extras.export) == ExportRecord("dump", REPLY)
    assert isinstance(extras.interface, Absent)


async def test_a_named_export_that_is_an_update_is_never_executed(lab: Laboratory) -> None:
    code = module(export("canister_update dump", "(call $print (i32.const 64) (i32.const 6)) (call $reply)"))
    canister = await lab.create(code=code)
    version = (await lab.status(canister)).version
    extras = await read(lab, canister, export_method="dump")
    assert isinstance(extras.export, Failed)
    assert "IC0536" in extras.export.reason
    assert (value(extras.logs), (await lab.status(canister)).version) == ((), version)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("unreachable", "IC0502"),
        ("(call $reject (i32.const 64) (i32.const 6))", "hello!"),
        ("", "IC0506"),
        ("(call $reply)", "answered no Candid"),
        ("(call $send (i32.const 0) (i32.const 3145729)) (call $reply)", "IC0504"),
    ],
    ids=["traps", "rejects", "answers nothing", "answers no Candid", "answers too much"],
)
async def test_an_export_that_goes_wrong_is_reported_and_the_rest_is_kept(
    lab: Laboratory, body: str, words: str
) -> None:
    canister = await lab.create(code=module(LOUD, export(body=body)))
    extras = await read(lab, canister)
    assert list(extras.failures) == ["export"]
    assert words in extras.failures["export"].reason
    for part in (extras.interface, extras.logs, extras.history, extras.metrics):
        assert isinstance(part, Present), part


async def test_what_is_larger_than_the_budget_is_not_kept(lab: Laboratory) -> None:
    canister = await lab.create(code=module(LOUD, export()))
    extras = await read_extras(lab.agent, canister, budget=ExtrasBudget(size_bytes=5))
    assert list(extras.failures) == ["interface", "logs", "export"]
    assert f"it has {len(OFFER)} bytes; a backup takes 5 at most" in extras.failures["interface"].reason
    assert "could not be read" in extras.failures["export"].reason
    named = await read_extras(lab.agent, canister, export_method="export_state", budget=ExtrasBudget(size_bytes=5))
    assert "too large to keep" in named.failures["export"].reason


class _Deadlines(ManualClock):
    """Tells when all but the export's deadline are over."""

    def __init__(self) -> None:
        super().__init__()
        self.only_export = asyncio.Event()
        self._begun = self._open = 0

    async def sleep(self, seconds: float) -> None:
        self._count(begun=1, opened=1)
        try:
            await super().sleep(seconds)
        finally:
            self._count(begun=0, opened=-1)

    def _count(self, *, begun: int, opened: int) -> None:
        self._begun += begun
        self._open += opened
        if (self._begun, self._open) == (len(fields(Extras)), 1):
            self.only_export.set()


@asynccontextmanager
async def slow_export(folder: Path) -> AsyncIterator[tuple[Laboratory, Principal]]:
    """A canister whose export is on its way for an hour of the network's own time, which passes at the end."""
    network_clock = ManualClock(time.time_ns())
    async with local_network(clock=network_clock) as net, laboratory_on(net, folder) as lab:
        canister = await lab.create(code=module(LOUD, export()))
        net.faults.add(FaultRule(Delay(3600), route="query", method="export_state"))
        yield lab, canister
        await network_clock.advance(3600)


async def test_an_export_that_takes_too_long_is_given_up_and_the_rest_is_kept(tmp_path: Path) -> None:
    clock = _Deadlines()
    async with slow_export(tmp_path) as (lab, canister):
        reading = asyncio.ensure_future(read_extras(lab.agent, canister, proxy=PROXY, clock=clock))
        await clock.only_export.wait()
        await clock.advance(59)
        assert not reading.done()
        await clock.advance(1)
        extras = await reading
    assert list(extras.failures) == ["export"]
    assert extras.failures["export"].reason == "There was no answer within 1 m"
    assert clock.sleeping == 0


async def test_a_reading_that_is_cancelled_leaves_nothing_running(tmp_path: Path) -> None:
    clock = _Deadlines()
    async with slow_export(tmp_path) as (lab, canister):
        before = asyncio.all_tasks()
        reading = asyncio.ensure_future(read_extras(lab.agent, canister, proxy=PROXY, clock=clock))
        await clock.only_export.wait()
        ours = {task for task in asyncio.all_tasks() - before if "_Reader" in repr(task) or task is reading}
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert len(ours) > 1
        assert all(task.done() for task in ours)
    assert clock.sleeping == 0


async def test_a_log_that_this_identity_may_not_see_is_no_failure(lab: Laboratory) -> None:
    canister = await lab.create(code=module(LOUD, export()))
    stranger = identity_from_pem(Controller.make().pem)
    async with Agent(lab.net.url, root_key=lab.net.root_key, identity=stranger) as agent:
        extras = await read_extras(agent, canister)
        assert isinstance(extras.logs, Absent)
        assert extras.logs.reason.startswith("the canister does not show it to this identity: Only the controllers")
        assert isinstance(extras.metrics, Absent)
        assert (value(extras.interface), extras.failures) == (OFFER.encode(), {})
        await perform(lab.agent, change.update_settings(canister, SettingsChange(log_visibility=Visibility("public"))))
        assert len(cast(tuple[LogRecord, ...], value((await read_extras(agent, canister)).logs))) == 1


async def test_a_network_without_the_method_has_no_metrics_and_nothing_has_failed(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    canister = await lab.create(code=module(export()))
    monkeypatch.delitem(cast(dict[str, object], METHODS), "canister_metrics")
    extras = await read(lab, canister)
    assert isinstance(extras.metrics, Absent)
    assert extras.metrics.reason.startswith("this network does not offer it")
    assert extras.failures == {}


async def test_a_proxy_that_does_not_serve_the_identity_fails_the_history_alone(lab: Laboratory) -> None:
    canister = await lab.create(code=module(export()))
    stranger = identity_from_pem(Controller.make().pem)
    async with Agent(lab.net.url, root_key=lab.net.root_key, identity=stranger) as agent:
        extras = await read_extras(agent, canister, proxy=PROXY)
    assert list(extras.failures) == ["history"]
    assert "controller of the proxy" in extras.failures["history"].next_step
    assert isinstance(extras.export, Present)


async def test_a_stopped_canister_gives_all_but_its_export(lab: Laboratory) -> None:
    canister = await lab.create(code=module(LOUD, export()))
    await perform(lab.agent, change.stop_canister(canister))
    extras = await read(lab, canister)
    assert list(extras.failures) == ["export"]
    assert extras.failures["export"].next_step == "The canister is stopped: start it first."


async def test_a_network_that_refuses_reads_of_its_state_fails_what_needs_them_and_nothing_else(
    lab: Laboratory,
) -> None:
    canister = await lab.create(code=module(LOUD, export()))
    lab.net.faults.add(FaultRule(Refuse(400, text="no"), route="read_state", canister=canister.bytes, count=None))
    extras = await read(lab, canister, export_method="export_state")
    # queries need the keys of the nodes, which stand in the state
    assert list(extras.failures) == ["interface", "logs", "export"]
    assert extras.failures["interface"].reason == "The network refused the request (HTTP 400): no"
    assert isinstance(extras.history, Present)
    assert isinstance(extras.metrics, Present)


async def test_whoever_ends_the_operation_ends_the_reading(lab: Laboratory) -> None:
    canister = await lab.create(code=module(export()))
    with pytest.raises(Cancelled):
        await read_extras(_Ended(lab.agent), canister, proxy=PROXY)  # type: ignore[arg-type]


class _Ended:
    """An agent whose operator stops the operation while it asks for the log."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def __getattr__(self, name: str) -> object:
        return getattr(self._agent, name)

    async def query(self, *_: object, **__: object) -> bytes:
        raise Cancelled("The operator stopped it")


async def test_what_was_read_can_be_stored_and_read_again(lab: Laboratory) -> None:
    canister = await lab.create(code=module(LOUD, export(body="unreachable")))
    extras = await read(lab, canister)
    table = tomllib.loads(tomli_w.dumps(extras_table(extras)))
    assert tuple(from_plain(LogRecord, line) for line in table["logs"]) == value(extras.logs)
    assert from_plain(CanisterHistory, table["history"]) == value(extras.history)
    assert from_plain(CyclesConsumed, table["metrics"]) == value(extras.metrics)
    assert list(table["failed"]) == ["export"]
    assert "absent" not in table


async def test_the_stored_table_names_the_export_and_why_something_is_missing(lab: Laboratory) -> None:
    canister = await lab.create(code=module(export()))
    table = extras_table(await read_extras(lab.agent, canister))
    assert table["export"] == {"method": "export_state"}
    assert list(table["absent"]) == ["history"]
    assert "failed" not in table


async def test_the_demo_fleet_exports_what_its_modules_offer(lab: Laboratory) -> None:
    await demo_fleet.install_fleet(lab.net.network, controllers=[lab.net.controller.principal])
    for item in demo_fleet.FLEET:
        extras = await read(lab, Principal.from_str(item.id))
        assert extras.failures == {}, item.name
        offers = item.name in ("rune-engine", "registry")
        assert isinstance(extras.export, Present) == offers, item.name
        if isinstance(extras.export, Present):
            assert len(decode(extras.export.value.reply)) == 1
