"""Planning what the cycles ledger pays: a top-up, or a canister in the place of one that is gone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, fields, replace
from typing import Any

from quri_console.backup.plan import answered_soon, read_status
from quri_console.backup.target import BackupTarget
from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.errors import NotAuthorised, RefusedBySafetyRule, UsageError
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.ledger import CREATION_FEE_CYCLES, CYCLES_LEDGER, WITHDRAWAL_FEE_CYCLES, balance_of
from quri_console.ic.management.types import SECONDS_PER_DAY, CanisterSettings, CanisterStatus, SettingsChange
from quri_console.ic.public import CanisterNotFound, public_information
from quri_console.ic.rejection import Rejected
from quri_console.repository.store import Repository
from quri_console.restore import remedy_checks as checks
from quri_console.restore.bill import Balance, load_cycles, upload_data_cycles, upload_metadata_cycles
from quri_console.restore.look import look_at
from quri_console.restore.plan import Check, LiveState, Step
from quri_console.restore.remedy_checks import Surroundings
from quri_console.restore.remedy_plan import Payment, RemedyPlan
from quri_console.restore.remedy_planning import RemedyWish, key_hash
from quri_console.restore.remedy_source import Recorded, open_recorded
from quri_console.restore.remedy_words import setting_differences
from quri_console.restore.sources import upload_of
from quri_console.units import GIB, format_cycles, format_duration

NOT_FOUND = "IC0301"
STORAGE_CYCLES_PER_GIB_DAY = 10_972_800_000
LEAST_FREEZING_DAYS = 30


@dataclass(frozen=True, slots=True)
class Paying:
    """What the operator wants to pay (cycles), from which subaccount, and how fast the canister burns cycles a day."""

    amount: int
    from_subaccount: bytes | None = None
    burn_per_day: float | None = None
    """As the history knows it; None leaves it to the idle burn alone."""


async def plan_top_up(agent: Agent, wish: RemedyWish, around: Surroundings, paying: Paying) -> RemedyPlan:
    """What a top-up would do. Raises UsageError, NetworkError."""
    _require_amount(paying)
    async with answered_soon(agent):
        live, status, exists = await _seen(agent, wish, around)
        payment, ahead = await _payment(agent, around, paying, creation_fee=0)
    payment = _with_runways(payment, status, paying)
    sentences = [
        f"{format_cycles(paying.amount)} cycles go from the cycles ledger to the canister, and cannot be taken back.",
        *_runway_sentences(payment, paying),
        *_state_sentences(status, wish.name, exists=exists),
    ]
    after = () if status is None else (_topped_up(status, paying.amount),)
    found = (
        checks.check(
            "canister",
            exists,
            "it exists" if exists else "the network knows no such canister",
            f"Create it anew: quri-console create {wish.name} --from latest --cycles 2T.",
        ),
        _covered(agent, payment),
        checks.clock_agrees(ahead),
    )
    steps = (Step(f"withdraw {format_cycles(paying.amount)} from the cycles ledger to it"),)
    plan = _plan("top-up", agent, wish, around, payment, found)
    return replace(plan, live=live, consequences=tuple(sentences), balances=after, steps=steps)


async def plan_create(
    agent: Agent, wish: RemedyWish, around: Surroundings, paying: Paying, repository: Repository, source: str
) -> RemedyPlan:
    """What making a canister in the place of one that is gone would do. Raises BackupNotFound, UsageError."""
    _require_amount(paying)
    recorded = await asyncio.to_thread(open_recorded, repository, wish.canister, wish.name, source, key_hash(agent))
    async with answered_soon(agent):
        _, _, exists = await _seen(agent, wish, around)
        payment, ahead = await _payment(agent, around, paying, creation_fee=CREATION_FEE_CYCLES)
    needed, sender = await asyncio.to_thread(_needed_by, recorded), agent.identity.sender
    change = _settings_of(recorded, sender)
    found = (
        checks.check(
            "canister",
            not exists,
            "it still exists" if exists else "the network knows no such canister any more",
            f"Restore it in its place: quri-console restore {wish.name} --from {recorded.source.label}.",
        ),
        checks.same_network(recorded.stored.network.root_key_hash, key_hash(agent)),
        _covered(agent, payment),
        checks.check(
            "cycles",
            paying.amount >= needed,
            f"{format_cycles(paying.amount)} given; creating it, restoring {recorded.source.label} into it and "
            f"{LEAST_FREEZING_DAYS} days need ≈ {format_cycles(needed)}",
            f"Give more: --cycles {format_cycles(needed * 5 // 4).replace(' ', '')}.",
        ),
        checks.clock_agrees(ahead),
    )
    steps = (
        Step(f"let the cycles ledger create a canister with {format_cycles(paying.amount)}"),
        Step("read its status"),
    )
    plan = _plan("create", agent, wish, around, payment, found)
    empty = CanisterSettings((), 0, 0, LEAST_FREEZING_DAYS * SECONDS_PER_DAY)
    return replace(
        plan,
        source=recorded.source,
        settings=change,
        subnet=recorded.stored.entry.subnet,
        differences=setting_differences(change, empty),
        consequences=_creation_sentences(wish, recorded, sender),
        steps=steps,
    )


def _require_amount(paying: Paying) -> None:
    if paying.amount <= 0:
        raise UsageError("the amount must be more than 0 cycles", next_step="Write it like 2T or 500B.")


async def _seen(
    agent: Agent, wish: RemedyWish, around: Surroundings
) -> tuple[LiveState | None, CanisterStatus | None, bool]:
    """The canister as far as this identity may see it, and whether there is one."""
    try:
        await public_information(agent, wish.canister)
    except CanisterNotFound:
        return None, None, False
    try:
        status = await read_status(agent, BackupTarget(wish.canister, wish.name))
    except NotAuthorised:
        return None, None, True
    except Rejected as rejection:
        if rejection.error_code != NOT_FOUND:
            raise
        return None, None, False
    if agent.identity.sender not in status.settings.controllers:
        return None, status, True
    return (await look_at(agent, wish.canister, wish.name, around.clock)).live(), status, True


async def _payment(agent: Agent, around: Surroundings, paying: Paying, *, creation_fee: int) -> tuple[Payment, float]:
    """What would be paid, and how far this machine's clock is ahead of the ledger's subnet, in seconds."""
    balance = await balance_of(agent, agent.identity.sender, paying.from_subaccount)
    certificate = await agent.read_state([[b"time"]], CYCLES_LEDGER)
    now_ns = around.clock.now_ns()
    payment = Payment(
        amount=paying.amount,
        fee=WITHDRAWAL_FEE_CYCLES,
        creation_fee=creation_fee,
        created_at_ns=now_ns,
        ledger_balance=balance,
        from_subaccount=paying.from_subaccount,
    )
    return payment, (now_ns - certificate.time_ns) / NANOSECONDS_PER_SECOND


def _with_runways(payment: Payment, status: CanisterStatus | None, paying: Paying) -> Payment:
    if status is None:
        return payment
    burn = max(paying.burn_per_day or 0.0, float(status.idle_cycles_burned_per_day))
    if burn <= 0:
        return payment
    above = status.cycles - status.freezing_limit_cycles
    return replace(
        payment,
        runway_before_seconds=max(above, 0) / burn * SECONDS_PER_DAY,
        runway_after_seconds=max(above + payment.amount, 0) / burn * SECONDS_PER_DAY,
    )


def _runway_sentences(payment: Payment, paying: Paying) -> tuple[str, ...]:
    before, after = payment.runway_before_seconds, payment.runway_after_seconds
    if before is None or after is None:
        return ("How long it lasts is not known: this identity does not see its burn, or it burns nothing.",)
    basis = "by its idle burn alone" if paying.burn_per_day is None else "at its present burn"
    return (
        f"It lasts ≈ {format_duration(after)} to its freezing limit then, not {format_duration(before)} ({basis}).",
    )


def _state_sentences(status: CanisterStatus | None, name: str, *, exists: bool) -> tuple[str, ...]:
    if status is None or not exists:
        return ()
    sentences = []
    if status.module_hash is None:
        sentences.append(
            "It has no code: where its cycles ran out, code, state and snapshots are gone. Afterwards upload and load "
            f"a backup: quri-console restore {name} --from latest."
        )
    if status.cycles < status.freezing_limit_cycles:
        sentences.append("It is frozen now: it serves again once its balance is above the freezing limit.")
    if status.status == "stopped":
        sentences.append(f"It stays stopped: a top-up starts nothing (quri-console start {name}).")
    return tuple(sentences)


def _topped_up(status: CanisterStatus, amount: int) -> Balance:
    return Balance("top-up", status.cycles + amount, status.freezing_limit_cycles)


def _covered(agent: Agent, payment: Payment) -> Check:
    return checks.ledger_covers(agent.identity.sender, payment.ledger_balance, payment.amount + payment.fee)


def _needed_by(recorded: Recorded) -> int:
    """Cycles to create a canister, restore this backup into it by upload, and hold it for its freezing threshold."""
    if recorded.stored.state is None:
        raise RefusedBySafetyRule(
            f"{recorded.source.label} holds no state, so nothing could be restored into a new canister",
            next_step="Choose a backup with state: `quri-console list` shows which have it.",
        )
    state = recorded.stored.state
    upload = upload_of(state)
    size = upload.sent_bytes + upload.skipped_bytes
    threshold_days = LEAST_FREEZING_DAYS
    if recorded.stored.status is not None:
        threshold_days = max(1, recorded.stored.status.settings.freezing_threshold // SECONDS_PER_DAY)
    # the uploaded snapshot lies beside the loaded state until it is deleted
    stored = 2 * size * STORAGE_CYCLES_PER_GIB_DAY * threshold_days // GIB
    moved = upload_metadata_cycles(size) + upload_data_cycles(upload) + load_cycles(size)
    return CREATION_FEE_CYCLES + moved + stored


def _settings_of(recorded: Recorded, sender: Principal) -> SettingsChange:
    """The backup's settings, with this identity among the controllers, who could restore nothing otherwise."""
    if recorded.stored.status is None:
        return SettingsChange(controllers=(sender,))
    settings = recorded.stored.status.settings
    known: dict[str, Any] = {field.name: getattr(settings, field.name) for field in fields(SettingsChange)}
    controllers = settings.controllers if sender in settings.controllers else (*settings.controllers, sender)
    return SettingsChange(**{**known, "controllers": controllers})


def _creation_sentences(wish: RemedyWish, recorded: Recorded, sender: Principal) -> tuple[str, ...]:
    label = recorded.source.label
    status = recorded.stored.status
    kept = (
        f"It gets the settings and controllers of {label}."
        if status is not None
        else f"{label} holds no settings: {sender.to_str()} becomes its only controller."
    )
    joined = status is not None and sender not in status.settings.controllers
    added = (f"{sender.to_str()} becomes a controller besides, because it restores.",) if joined else ()
    return (
        "The canister gets ANOTHER id: the old one is lost for ever, with its cycles and its snapshots.",
        f"Whoever calls {wish.canister.to_str()} has to be told the new id: canisters, frontends, configurations.",
        kept,
        *added,
        "It is empty at first: the command that restores the backup into it is printed at the end.",
        f"{format_cycles(CREATION_FEE_CYCLES)} of its cycles are what the network takes for a new canister (13 nodes).",
    )


def _plan(
    kind: Any, agent: Agent, wish: RemedyWish, around: Surroundings, payment: Payment, found: tuple[Check, ...]
) -> RemedyPlan:
    return RemedyPlan(
        kind=kind,
        network=wish.network,
        production=wish.production,
        root_key_hash=key_hash(agent),
        canister=wish.canister,
        name=wish.name,
        made_at_ns=payment.created_at_ns,
        live=None,
        consequences=(),
        steps=(),
        checks=(*found, *checks.around(around)),
        payment=payment,
    )
