"""Time to verify one real delegated certificate, with and without the delegation cached.

Usage: python tests/benchmarks/certificate_check.py. The vectors folder is found like in the tests (QURI_VECTORS).
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from quri_console.clock import ManualClock
from quri_console.ic.certificates import MAINNET_ROOT_KEY_DER, CertificateVerifier, certificate_in
from quri_console.ic.encoding.principal import parse_principal

VECTORS = Path(os.environ.get("QURI_VECTORS", Path(__file__).resolve().parents[3] / "shared" / "vectors"))
CANISTER = parse_principal("ivg37-qiaaa-aaaab-aaaga-cai")
TAKEN_AT_NS = 1_763_796_896_688_941_908
ROUNDS = 50


def median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times)


def main() -> None:
    certificate = certificate_in((VECTORS / "certificates" / "ivg37_time.bin").read_bytes())
    clock = ManualClock(TAKEN_AT_NS)
    # the first use of the library prepares its tables
    cached = CertificateVerifier(MAINNET_ROOT_KEY_DER, clock)
    cached.verify_for_canister(certificate, CANISTER)
    cold_ms = median_ms(
        lambda: CertificateVerifier(MAINNET_ROOT_KEY_DER, clock).verify_for_canister(certificate, CANISTER)
    )
    cached_ms = median_ms(lambda: cached.verify_for_canister(certificate, CANISTER))
    print(f"certificate check: {cold_ms:.2f} ms cold (budget 7), {cached_ms:.2f} ms delegation cached (budget 3.5)")


if __name__ == "__main__":
    main()
