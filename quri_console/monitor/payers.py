"""The accounts that top-ups are paid from: what they have, and how long that would keep the fleet going."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quri_console.clock import Clock
from quri_console.config import Thresholds
from quri_console.config.alerting import PayerConfig
from quri_console.errors import QuriError
from quri_console.monitor import words
from quri_console.monitor.fleet import CanisterView, Finding, Health
from quri_console.monitor.health import health_of, short_runway
from quri_console.units import DAY_SECONDS, format_cycles, format_duration

if TYPE_CHECKING:
    from quri_console.ic.agent import Agent


@dataclass(frozen=True, slots=True)
class PayerReading:
    """A balance, or why there is none."""

    name: str
    at_ns: int
    cycles: int | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class PayerView:
    """A payer as last seen; `runway_seconds` is how long its balance would pay the whole fleet's burn."""

    name: str
    owner: str
    cycles: int | None
    at_ns: int | None
    error: str
    runway_seconds: float | None
    health: Health


async def read_payer(agent: Agent, payer: PayerConfig, clock: Clock) -> PayerReading:
    """Ask for a payer's balance. Never raises QuriError: a failure is a reading."""
    # imported here: a picture from the history needs none of the network's modules
    from quri_console.ic.encoding.principal import parse_principal
    from quri_console.ic.ledger import balance_of
    from quri_console.ic.wallet import wallet_balance

    owner = parse_principal(payer.owner)
    try:
        if payer.kind == "wallet":
            cycles = await wallet_balance(agent, owner)
        else:
            cycles = await balance_of(agent, owner, payer.subaccount)
    except QuriError as error:
        return PayerReading(payer.name, clock.now_ns(), None, str(error))
    return PayerReading(payer.name, clock.now_ns(), cycles)


def fleet_burn_per_day(views: Iterable[CanisterView]) -> float | None:
    """What the whole fleet burns a day; None while nothing is known of any canister."""
    known = [view.burn_per_day for view in views if view.burn_per_day is not None]
    return sum(known) if known else None


def payer_view(
    payer: PayerConfig,
    reading: PayerReading | None,
    last_error: str,
    burn_per_day: float | None,
    thresholds: Thresholds,
) -> PayerView:
    """A payer, judged; `reading` is its newest balance, `last_error` why the newest attempt failed."""
    cycles = reading.cycles if reading is not None else None
    runway = cycles / burn_per_day * DAY_SECONDS if cycles is not None and burn_per_day else None
    health = health_of(_findings(payer, cycles, runway, last_error, thresholds))
    at_ns = reading.at_ns if reading is not None else None
    return PayerView(payer.name, payer.owner, cycles, at_ns, last_error, runway, health)


def _findings(
    payer: PayerConfig, cycles: int | None, runway: float | None, last_error: str, thresholds: Thresholds
) -> list[Finding]:
    findings: list[Finding] = []
    if cycles is not None and cycles < payer.warning_cycles:
        text = words.payer_low(payer.name, cycles, payer.warning_cycles)
        value, limit = format_cycles(cycles), format_cycles(payer.warning_cycles)
        findings.append(Finding("payer-low", "warning", text, value, limit, float(cycles), float(payer.warning_cycles)))
    short = short_runway(runway, thresholds)
    if short is not None:
        assert runway is not None
        level, threshold = short
        text = words.payer_runway(payer.name, runway, threshold)
        value, limit = format_duration(runway), format_duration(threshold)
        # before the balance: of two findings of one level and rule the first speaks for the alert
        findings.insert(0, Finding("payer-low", level, text, value, limit, runway, threshold))
    if last_error:
        findings.append(Finding("unreachable", "unknown", words.unreachable(last_error)))
    return findings
