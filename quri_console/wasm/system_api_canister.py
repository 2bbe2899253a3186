"""ic0 functions about the canister itself: identity, stable memory, certified data, time, settings, debugging."""

from __future__ import annotations

from quri_console.wasm.machine import Trapped
from quri_console.wasm.messages import Trap, TrapKind
from quri_console.wasm.system_api import Host, decode_text, handler, violation

_LARGEST_CERTIFIED_DATA_BYTES = 32
_PAGES_OF_4_GIB = 65_536


@handler
def canister_self_size(host: Host) -> int:
    return len(host.execution.canister_id)


@handler
def canister_self_copy(host: Host, destination: int, offset: int, size: int) -> None:
    host.store_slice(host.execution.canister_id, destination, offset, size)


@handler
def canister_status(host: Host) -> int:
    return host.execution.environment.run_state()


@handler
def canister_version(host: Host) -> int:
    version = host.execution.call.canister_version
    return host.execution.environment.canister_version() if version is None else version


@handler
def subnet_self_size(host: Host) -> int:
    return len(host.execution.environment.subnet_id())


@handler
def subnet_self_copy(host: Host, destination: int, offset: int, size: int) -> None:
    host.store_slice(host.execution.environment.subnet_id(), destination, offset, size)


@handler
def subnet_self_node_count(host: Host) -> int:
    return host.execution.environment.subnet_node_count()


@handler
def root_key_size(host: Host) -> int:
    return len(host.execution.environment.root_key())


@handler
def root_key_copy(host: Host, destination: int, offset: int, size: int) -> None:
    host.store_slice(host.execution.environment.root_key(), destination, offset, size)


@handler
def is_controller(host: Host, source: int, size: int) -> int:
    return int(host.execution.environment.is_controller(host.load(source, size)))


@handler
def in_replicated_execution(host: Host) -> int:
    return int(host.execution.context not in ("NRQ", "TQ", "CQ", "CRy", "CRt", "CC", "F"))


# stable memory


def _require_32_bit(host: Host, name: str) -> None:
    if host.execution.stable.size_pages > _PAGES_OF_4_GIB:
        raise violation(f"ic0.{name}: stable memory is larger than 4 GiB; use the 64-bit functions")


@handler
def stable_size(host: Host) -> int:
    _require_32_bit(host, "stable_size")
    return host.execution.stable.size_pages


@handler
def stable_grow(host: Host, pages: int) -> int:
    _require_32_bit(host, "stable_grow")
    return host.execution.stable.grow(pages, _PAGES_OF_4_GIB)


@handler
def stable_write(host: Host, offset: int, source: int, size: int) -> None:
    _require_32_bit(host, "stable_write")
    host.execution.stable.write(offset, host.load(source, size))


@handler
def stable_read(host: Host, destination: int, offset: int, size: int) -> None:
    _require_32_bit(host, "stable_read")
    host.copy_from_stable(destination, offset, size)


@handler
def stable64_size(host: Host) -> int:
    return host.execution.stable.size_pages


@handler
def stable64_grow(host: Host, pages: int) -> int:
    return host.execution.stable.grow(pages)


@handler
def stable64_write(host: Host, offset: int, source: int, size: int) -> None:
    host.execution.stable.write(offset, host.load(source, size))


@handler
def stable64_read(host: Host, destination: int, offset: int, size: int) -> None:
    host.copy_from_stable(destination, offset, size)


# certified data


@handler
def certified_data_set(host: Host, source: int, size: int) -> None:
    if size > _LARGEST_CERTIFIED_DATA_BYTES:
        raise violation(f"ic0.certified_data_set: {size} bytes are more than {_LARGEST_CERTIFIED_DATA_BYTES}")
    host.execution.certified_data = host.load(source, size)


@handler
def data_certificate_present(host: Host) -> int:
    return int(host.execution.call.data_certificate is not None)


def _certificate(host: Host, name: str) -> bytes:
    certificate = host.execution.call.data_certificate
    if certificate is None:
        raise violation(f"ic0.{name}: there is no data certificate", lacks="a data certificate")
    return certificate


@handler
def data_certificate_size(host: Host) -> int:
    return len(_certificate(host, "data_certificate_size"))


@handler
def data_certificate_copy(host: Host, destination: int, offset: int, size: int) -> None:
    host.store_slice(_certificate(host, "data_certificate_copy"), destination, offset, size)


# time


@handler
def time(host: Host) -> int:
    return host.execution.environment.time_ns()


@handler
def global_timer_set(host: Host, timestamp_ns: int) -> int:
    before = host.execution.global_timer_ns
    host.execution.global_timer_ns = timestamp_ns
    return before


@handler
def performance_counter(host: Host, counter: int) -> int:
    if counter not in (0, 1):
        raise violation(f"ic0.performance_counter: there is no counter {counter}")
    return host.execution.limit - host.machine.fuel


# costs


@handler
def cost_call(host: Host, method_bytes: int, payload_bytes: int, destination: int) -> None:
    host.store_cycles(host.execution.environment.cost_of_call(method_bytes, payload_bytes), destination)


@handler
def cost_create_canister(host: Host, destination: int) -> None:
    host.store_cycles(host.execution.environment.cost_of_canister_creation(), destination)


# environment variables


def _variable_name(host: Host, index: int) -> bytes:
    variables = host.execution.environment.environment_variables()
    if index >= len(variables):
        raise violation(f"ic0.env_var_name: there is no environment variable {index}")
    return variables[index][0].encode()


def _variable(host: Host, source: int, size: int) -> str | None:
    name = decode_text(host.load(source, size), "env_var")
    return dict(host.execution.environment.environment_variables()).get(name)


def _variable_value(host: Host, source: int, size: int) -> bytes:
    value = _variable(host, source, size)
    if value is None:
        raise violation("ic0.env_var_value: there is no environment variable of that name")
    return value.encode()


@handler
def env_var_count(host: Host) -> int:
    return len(host.execution.environment.environment_variables())


@handler
def env_var_name_size(host: Host, index: int) -> int:
    return len(_variable_name(host, index))


@handler
def env_var_name_copy(host: Host, index: int, destination: int, offset: int, size: int) -> None:
    host.store_slice(_variable_name(host, index), destination, offset, size)


@handler
def env_var_name_exists(host: Host, source: int, size: int) -> int:
    return int(_variable(host, source, size) is not None)


@handler
def env_var_value_size(host: Host, source: int, size: int) -> int:
    return len(_variable_value(host, source, size))


@handler
def env_var_value_copy(host: Host, source: int, source_size: int, destination: int, offset: int, size: int) -> None:
    host.store_slice(_variable_value(host, source, source_size), destination, offset, size)


# debugging


@handler
def debug_print(host: Host, source: int, size: int) -> None:
    host.execution.logs.append(host.load(source, size))


@handler
def trap(host: Host, source: int, size: int) -> None:
    message = host.load(source, size).decode(errors="replace")
    raise Trapped(Trap(TrapKind.CALLED_TRAP, message))
