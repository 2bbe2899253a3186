"""A canister's history: every kind of change that replicas tell of, and the way through a proxy."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from quri_console.errors import NotAuthorised
from quri_console.ic.agent import Agent, Rejected, SignedCall
from quri_console.ic.encoding.candid import MalformedCandid, Types, encode, field_hash
from quri_console.ic.encoding.principal import ANONYMOUS, Principal
from quri_console.ic.identity import identity_from_pem
from quri_console.ic.management import change
from quri_console.ic.management.history_reply import decode_history
from quri_console.ic.management.history_types import (
    CanisterHistory,
    CanisterOrigin,
    Change,
    CodeDeployment,
    CodeUninstall,
    ControllersChange,
    Creation,
    Details,
    OtherChange,
    Renaming,
    SettingsUpdate,
    SnapshotLoad,
    UserOrigin,
)
from quri_console.ic.management.read import ReadFailed, canister_history
from quri_console.ic.management.types import SettingsChange
from quri_console.ic.outcome import CallUndecided
from quri_console.ic.proxy import ProxyFailed
from quri_console.localnet.builtins import PROXY_ID
from quri_console.localnet.configuration import Controller
from quri_console.localnet.small_canister import small_module
from tests.support.networks import LocalNetwork, local_network
from tests.support.wasm_canisters import wat

ANY_ID = Principal(bytes.fromhex("80000000001000000101"))
PROXY = Principal(PROXY_ID)
SOMEBODY = Principal(b"\x05" * 29)
T = Types
BLOB = T.Vec(T.Nat8)


@dataclass(frozen=True)
class Hosted:
    """A canister with code, and its controller's agent, whom the proxy serves."""

    net: LocalNetwork
    agent: Agent
    id: Principal

    async def kinds(self) -> list[str]:
        """What happened to the canister, oldest first."""
        history = await canister_history(self.agent, self.id, proxy=PROXY)
        return [item.details.kind for item in history.changes]


@asynccontextmanager
async def hosted() -> AsyncIterator[Hosted]:
    async with (
        local_network() as net,
        Agent(net.url, root_key=net.root_key, identity=identity_from_pem(net.controller.pem)) as agent,
    ):
        canister = await change.perform(agent, change.provisional_create_canister_with_cycles(ANY_ID))
        await change.perform(agent, change.install_code(canister, "install", small_module()))
        yield Hosted(net, agent, canister)


async def test_every_change_that_can_be_made_here_is_told() -> None:
    async with hosted() as on:
        me, digest = on.agent.identity.sender, hashlib.sha256(small_module()).digest()
        snapshot = await change.perform(on.agent, change.take_canister_snapshot(on.id))
        await change.perform(on.agent, change.install_code(on.id, "upgrade", small_module()))
        await change.perform(on.agent, change.load_canister_snapshot(on.id, snapshot.id))
        await change.perform(on.agent, change.update_settings(on.id, SettingsChange(controllers=(me, SOMEBODY))))
        await change.perform(on.agent, change.uninstall_code(on.id))
        history = await canister_history(on.agent, on.id, proxy=PROXY)
        created, installed, upgraded, loaded, shared, removed = history.changes
        assert (history.total_changes, history.module_hash) == (6, None)
        assert set(history.controllers) == {me, SOMEBODY}
        assert {item.origin for item in history.changes} == {UserOrigin(me)}
        assert created.details == Creation((me,))
        assert installed.details == CodeDeployment("install", digest)
        assert upgraded.details == CodeDeployment("upgrade", digest)
        assert isinstance(loaded.details, SnapshotLoad)
        assert (loaded.details.snapshot_id, loaded.details.taken_at_ns) == (snapshot.id, snapshot.taken_at_ns)
        assert loaded.details.source == "taken_from_canister"
        assert isinstance(shared.details, ControllersChange)
        assert set(shared.details.controllers) == {me, SOMEBODY}
        assert removed.details == CodeUninstall()
        times = [item.timestamp_ns for item in history.changes]
        assert times == sorted(times)
        assert [item.canister_version for item in history.changes][:2] == [0, 1]


async def test_only_the_newest_of_the_requested_number_come_back() -> None:
    async with hosted() as on:
        history = await canister_history(on.agent, on.id, proxy=PROXY, requested_changes=1)
        assert (history.total_changes, [item.details.kind for item in history.changes]) == (2, ["code_deployment"])


async def test_asking_for_the_history_changes_nothing() -> None:
    async with hosted() as on:
        assert await on.kinds() == await on.kinds() == ["creation", "code_deployment"]


async def test_a_canister_that_is_not_mine_has_a_history_too() -> None:
    async with hosted() as on:
        await change.perform(on.agent, change.update_settings(on.id, SettingsChange(controllers=(SOMEBODY,))))
        assert await on.kinds() == ["creation", "code_deployment", "controllers_change"]


async def test_whom_the_proxy_does_not_serve_is_told_what_to_do() -> None:
    stranger = identity_from_pem(Controller.make().pem)
    async with hosted() as on, Agent(on.net.url, root_key=on.net.root_key, identity=stranger) as agent:
        with pytest.raises(NotAuthorised, match="does not serve this identity") as caught:
            await canister_history(agent, on.id, proxy=PROXY)
        assert "controller of the proxy" in caught.value.next_step


async def test_a_proxy_that_turns_strangers_away_before_it_runs_says_the_same() -> None:
    doorkeeper = wat(
        '(module (func (export "canister_inspect_message")) (func (export "canister_update proxy") unreachable))'
    )
    async with hosted() as on:
        await change.perform(on.agent, change.install_code(on.id, "reinstall", doorkeeper))
        with pytest.raises(NotAuthorised, match="does not serve this identity"):
            await canister_history(on.agent, on.id, proxy=on.id)


async def test_a_call_that_the_network_rejects_is_told_with_its_reason() -> None:
    async with hosted() as on:
        nobody = Principal(bytes.fromhex("80000000001fffff0101"))
        with pytest.raises(ProxyFailed, match="could not call canister_info") as caught:
            await canister_history(on.agent, nobody, proxy=PROXY)
        assert f"Canister {nobody.to_str()} not found" in caught.value.why


async def test_a_canister_that_is_no_proxy_is_told_apart() -> None:
    async with hosted() as on:
        with pytest.raises(Rejected) as caught:
            await canister_history(on.agent, on.id, proxy=on.id)
        assert caught.value.error_code == "IC0536"


async def test_an_answer_that_never_came_may_be_asked_for_again() -> None:
    async with hosted() as on:
        call = on.agent.sign_update(PROXY, "proxy", b"")
        with pytest.raises(ReadFailed, match="canister_info of") as caught:
            await canister_history(_Undecided(call), on.id, proxy=PROXY)  # type: ignore[arg-type]
        assert "nothing was changed" in caught.value.next_step


class _Undecided:
    """Sends a call and never learns what became of it."""

    def __init__(self, call: SignedCall) -> None:
        self._call = call

    async def update(self, *_: object, **__: object) -> bytes:
        raise CallUndecided(self._call, "the request has expired")


class _Proxy:
    """Replies one message to whatever it is asked."""

    def __init__(self, reply: bytes) -> None:
        self._reply = reply

    async def update(self, *_: object, **__: object) -> bytes:
        return self._reply


def case(name: str, kind: Any, value: Any) -> tuple[Any, Any]:
    """Type and value of a variant."""
    return T.Variant({name: kind}), {name: value}


def record(**fields: tuple[Any, Any]) -> tuple[Any, Any]:
    """Type and value of a record."""
    return T.Record({name: kind for name, (kind, _) in fields.items()}), {
        name: value for name, (_, value) in fields.items()
    }


def message(pair: tuple[Any, Any]) -> bytes:
    kind, value = pair
    return encode([kind], [value])


USER = case("from_user", *record(user_id=(T.Principal, ANONYMOUS)))
CONTROLLERS = (T.Vec(T.Principal), [ANONYMOUS])


def history_message(details: tuple[Any, Any], origin: tuple[Any, Any] = USER) -> bytes:
    """An answer with one change."""
    kind, value = record(
        timestamp_nanos=(T.Nat64, 7), canister_version=(T.Nat64, 3), origin=origin, details=details, later=(T.Nat, 1)
    )
    return message(
        record(
            total_num_changes=(T.Nat64, 30),
            recent_changes=(T.Vec(kind), [value]),
            module_hash=(T.Opt(BLOB), [b"\x01" * 32]),
            controllers=CONTROLLERS,
        )
    )


TARGET = record(canister_id=(T.Principal, SOMEBODY), version=(T.Nat64, 5), total_num_changes=(T.Nat64, 6))
SOURCE = case("metadata_upload", T.Reserved, None)
UNKNOWN = str(field_hash("moved_to_the_moon"))
KINDS: list[tuple[tuple[Any, Any], Details]] = [
    (case("creation", *record(controllers=CONTROLLERS)), Creation((ANONYMOUS,))),
    (
        case("creation", *record(controllers=CONTROLLERS, environment_variables_hash=(T.Opt(BLOB), [b"\x02"]))),
        Creation((ANONYMOUS,), b"\x02"),
    ),
    (case("code_uninstall", T.Null, None), CodeUninstall()),
    (
        case("code_deployment", *record(mode=case("reinstall", T.Null, None), module_hash=(BLOB, b"\x03"))),
        CodeDeployment("reinstall", b"\x03"),
    ),
    (
        case("code_deployment", *record(mode=case("dream", T.Null, None), module_hash=(BLOB, b"\x03"))),
        CodeDeployment(None, b"\x03"),
    ),
    (
        case(
            "load_snapshot",
            *record(
                snapshot_id=(BLOB, b"\x04"),
                canister_version=(T.Nat64, 8),
                taken_at_timestamp=(T.Nat64, 9),
                source=SOURCE,
                from_canister_id=(T.Opt(T.Principal), [SOMEBODY]),
            ),
        ),
        SnapshotLoad(b"\x04", 8, 9, "metadata_upload", SOMEBODY),
    ),
    (
        case(
            "load_snapshot",
            *record(snapshot_id=(BLOB, b""), canister_version=(T.Nat64, 8), taken_at_timestamp=(T.Nat64, 9)),
        ),
        SnapshotLoad(b"", 8, 9),
    ),
    (case("controllers_change", *record(controllers=(T.Vec(T.Principal), []))), ControllersChange(())),
    (
        case("settings_change", *record(controllers=(T.Opt(CONTROLLERS[0]), [[ANONYMOUS, SOMEBODY]]))),
        SettingsUpdate((ANONYMOUS, SOMEBODY)),
    ),
    (case("settings_change", *record(controllers=(T.Opt(CONTROLLERS[0]), [[]]))), SettingsUpdate(())),
    (
        case(
            "settings_change",
            *record(controllers=(T.Opt(CONTROLLERS[0]), []), environment_variables_hash=(T.Opt(BLOB), [b"\x05"])),
        ),
        SettingsUpdate(None, b"\x05"),
    ),
    (
        case(
            "rename_canister",
            *record(
                canister_id=(T.Principal, ANONYMOUS),
                total_num_changes=(T.Nat64, 4),
                rename_to=TARGET,
                requested_by=(T.Principal, ANONYMOUS),
            ),
        ),
        Renaming(ANONYMOUS, 4, SOMEBODY, 5, 6, ANONYMOUS),
    ),
    (case("moved_to_the_moon", *record(phase=(T.Text, "full"))), OtherChange(UNKNOWN)),
]


@pytest.mark.parametrize(("details", "expected"), KINDS, ids=lambda item: getattr(item, "kind", ""))
def test_each_kind_of_change_is_read(details: tuple[Any, Any], expected: Details) -> None:
    changed = Change(7, 3, UserOrigin(ANONYMOUS), expected)
    assert decode_history(history_message(details)) == CanisterHistory(30, (changed,), b"\x01" * 32, (ANONYMOUS,))


FROM_CANISTER = {"canister_id": (T.Principal, SOMEBODY)}


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (case("from_canister", *record(**FROM_CANISTER)), CanisterOrigin(SOMEBODY)),
        (
            case("from_canister", *record(**FROM_CANISTER, canister_version=(T.Opt(T.Nat64), [2]))),
            CanisterOrigin(SOMEBODY, 2),
        ),
        (case("from_above", T.Null, None), None),
    ],
)
def test_each_origin_of_a_change_is_read(origin: tuple[Any, Any], expected: object) -> None:
    [changed] = decode_history(history_message(KINDS[0][0], origin)).changes
    assert changed.origin == expected


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        encode([], []),
        encode([T.Nat], [1]),
        message(record(total_num_changes=(T.Nat64, 1))),
        history_message((T.Nat, 1)),
        history_message(KINDS[0][0], (T.Text, "me")),
        history_message(case("creation", T.Null, None)),
        history_message(case("code_deployment", *record(mode=case("install", T.Null, None)))),
        history_message(case("controllers_change", *record(controllers=(T.Vec(T.Nat), [1])))),
        history_message(case("settings_change", *record(controllers=(T.Opt(T.Nat), [1])))),
    ],
)
def test_what_is_no_history_is_refused(reply: bytes) -> None:
    with pytest.raises(MalformedCandid):
        decode_history(reply)


FAILED = T.Record({"reason": T.Text})
SHORT = record(available=(T.Nat, 5_000), required=(T.Nat, 70_000))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (case("CallFailed", FAILED, {"reason": "first line\nsecond line"}), "first line"),
        (case("CallFailed", FAILED, {"reason": ""}), ""),
        (case("InsufficientCycles", *SHORT), "it has 5,000 cycles to spend and needs 70,000"),
        (case("Tired", T.Null, None), "it gives a reason that this version does not know"),
    ],
)
async def test_why_a_proxy_made_no_call_is_told(error: tuple[Any, Any], words: str) -> None:
    with pytest.raises(ProxyFailed) as caught:
        await canister_history(_Proxy(message(case("Err", *error))), ANY_ID, proxy=PROXY)  # type: ignore[arg-type]
    assert caught.value.why == words


@pytest.mark.parametrize(
    "reply",
    [
        encode([T.Nat], [1]),
        message(case("Maybe", T.Null, None)),
        message(case("Ok", T.Null, None)),
        message(case("Ok", *record(result=(T.Text, "x")))),
        message(case("Ok", *record(result=(BLOB, b"no Candid")))),
        message(case("Err", T.Null, None)),
        message(case("Err", *case("CallFailed", T.Null, None))),
    ],
)
async def test_what_no_proxy_answers_is_refused(reply: bytes) -> None:
    with pytest.raises(MalformedCandid):
        await canister_history(_Proxy(reply), ANY_ID, proxy=PROXY)  # type: ignore[arg-type]
