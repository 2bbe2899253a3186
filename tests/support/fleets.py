"""Pictures of fleets for tests that only look at them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from quri_console.config import Config, load_config
from quri_console.monitor.fleet import CanisterView, Finding, FleetStatus, Health

SECOND = 1_000_000_000
NOW_NS = 1_750_000_000 * SECOND
RUNE, REGISTRY = "pkrpq-5qaaa-aaaah-aroda-cai", "pnqje-qiaaa-aaaah-arodq-cai"

HEALTHY = CanisterView(
    name="rune-engine",
    canister_id=RUNE,
    network="local",
    criticality="high",
    status="running",
    cycles=5_000_000_000_000,
    reserved_cycles=0,
    idle_burn_per_day=7_114_022_219,
    burn_per_day=12_000_000_000.0,
    freezing_limit=213_000_000_000,
    runway_seconds=90 * 86_400.0,
    memory_bytes=72_770_912,
    module_hash=bytes(range(32)),
    controllers=("2vxsx-fae",),
    sampled_at_ns=NOW_NS - 14 * SECOND,
    attempted_at_ns=NOW_NS - 14 * SECOND,
    origin="query",
    error=None,
    latency_ms=12.5,
    stale=False,
    health=Health("ok"),
    last_backup_at_ns=NOW_NS - 3 * 3600 * SECOND,
    cycles_series=((NOW_NS - 86_000 * SECOND, 5_100_000_000_000), (NOW_NS - 14 * SECOND, 5_000_000_000_000)),
)
NEVER_SEEN = replace(
    HEALTHY,
    status=None,
    cycles=None,
    reserved_cycles=None,
    idle_burn_per_day=None,
    burn_per_day=None,
    freezing_limit=None,
    runway_seconds=None,
    memory_bytes=None,
    module_hash=None,
    controllers=(),
    sampled_at_ns=None,
    attempted_at_ns=None,
    origin="",
    latency_ms=None,
    stale=True,
    health=Health("unknown", (Finding("never-seen", "unknown", "not seen yet"),)),
    last_backup_at_ns=None,
    cycles_series=(),
    answering=False,
)


def view(**changes: Any) -> CanisterView:
    """A healthy canister with some fields changed."""
    return replace(HEALTHY, **changes)


def fleet(*views: CanisterView, **changes: Any) -> FleetStatus:
    """A picture of these canisters."""
    return replace(FleetStatus("local", False, NOW_NS, 60.0, views), **changes)


def write_config(folder: Path, url: str = "http://127.0.0.1:9", extra: str = "") -> Path:
    """A configuration whose every path lies in `folder`, of two canisters on one local network."""
    path = folder / "config.toml"
    path.write_text(
        f'[networks.local]\nurl = "{url}"\nproduction = false\n'
        f'[canisters.rune-engine]\nid = "{RUNE}"\ncriticality = "high"\n'
        f'[canisters.registry]\nid = "{REGISTRY}"\n'
        f'[paths]\nroot = "root"\n{extra}'
    )
    return path


def config(folder: Path, url: str = "http://127.0.0.1:9", extra: str = "") -> Config:
    """`write_config`, loaded."""
    return load_config(write_config(folder, url, extra))
