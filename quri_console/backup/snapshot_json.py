"""`metadata.json` of a snapshot directory, as dfx and icp write and read it.

JSON has no NaN or infinity, and icp refuses a snapshot whose globals hold one. Such
a float is written as null, so that icp refuses loudly instead of uploading another
value, and its exact bits stand in an extra key, which icp ignores and we read.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, cast

from quri_console.errors import CorruptionError
from quri_console.units import WASM_PAGE_BYTES

if TYPE_CHECKING:
    from quri_console.ic.management.types import Global, SnapshotMetadata

METADATA_LIMIT_BYTES = 64 << 20
_BITS_KEY = "quri_console_float_bits"
_FLOAT_CODES = {"f32": "<f", "f64": "<d"}
_INTEGER_BITS = {"i32": 32, "i64": 64}
_SOURCES = ("taken_from_canister", "metadata_upload")
_HOOK_STATES = ("condition_not_satisfied", "ready", "executed")
_MAX_CHUNKS = 100
_MAX_CERTIFIED_DATA = 32
# memory_allocation's own limit: no canister can be larger
_MAX_STATE_BYTES = 1 << 48


def encode_metadata(metadata: SnapshotMetadata) -> bytes:
    """The text of `metadata.json`: indented by two, keys in icp's order."""
    document: dict[str, object] = {
        "source": None if metadata.source is None else {metadata.source: None},
        "taken_at_timestamp": metadata.taken_at_ns,
        "wasm_module_size": metadata.wasm_module_size,
        "globals": [_global_json(item) for item in metadata.globals],
        "wasm_memory_size": metadata.wasm_memory_size,
        "stable_memory_size": metadata.stable_memory_size,
        "wasm_chunk_store": [{"hash": list(chunk)} for chunk in metadata.wasm_chunk_store],
        "canister_version": metadata.canister_version,
        "certified_data": list(metadata.certified_data),
        "global_timer": {"active": metadata.global_timer}
        if isinstance(metadata.global_timer, int)
        else metadata.global_timer,
        "on_low_wasm_memory_hook_status": metadata.on_low_wasm_memory_hook_status,
    }
    bits = {str(i): _float_bits(item) for i, item in enumerate(metadata.globals) if item and _needs_bits(item)}
    if bits:
        document[_BITS_KEY] = bits
    return json.dumps(document, indent=2, allow_nan=False).encode() + b"\n"


def _needs_bits(item: Global) -> bool:
    return item.kind in _FLOAT_CODES and not math.isfinite(item.value)


def _float_bits(item: Global) -> str:
    return struct.pack(_FLOAT_CODES[item.kind], item.value).hex()


def _global_json(item: Global | None) -> dict[str, object] | None:
    if item is None:
        return None
    if item.kind == "v128":
        return {"v128": _limbs(int(item.value))}
    return {item.kind: None if _needs_bits(item) else item.value}


def _limbs(value: int) -> list[int]:
    limbs = []
    while value:
        limbs.append(value & 0xFFFFFFFF)
        value >>= 32
    return limbs


class _Invalid(ValueError):
    """A value that the format does not allow; worded for the operator."""


def decode_metadata(data: bytes, origin: str) -> SnapshotMetadata:
    """The metadata in the bytes of a `metadata.json`; CorruptionError naming `origin` and the offending key.

    Hashes or certified data written as strings are refused: icp would take the letters as the bytes.
    """
    try:
        document = json.loads(data, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
        return _metadata(_object(document, "metadata"))
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise CorruptionError(
            f"{origin} is not usable snapshot metadata",
            why=reason,
            next_step="Download the snapshot again or use another backup.",
        ) from error


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise _Invalid("a key stands twice in one object")
    return document


def _refuse_constant(name: str) -> None:
    raise _Invalid(f"{name} is not JSON")


def _metadata(document: Mapping[str, Any]) -> SnapshotMetadata:
    from quri_console.ic.management.types import SnapshotMetadata

    chunks = tuple(_chunk_hash(item) for item in _array(document, "wasm_chunk_store", _MAX_CHUNKS))
    if len(set(chunks)) != len(chunks):
        raise _Invalid("wasm_chunk_store names one chunk twice")
    return SnapshotMetadata(
        source=_source(document.get("source")),
        taken_at_ns=_natural(document, "taken_at_timestamp", (1 << 64) - 1),
        wasm_module_size=_natural(document, "wasm_module_size", _MAX_STATE_BYTES),
        globals=_globals(document),
        wasm_memory_size=_pages(document, "wasm_memory_size"),
        stable_memory_size=_pages(document, "stable_memory_size"),
        wasm_chunk_store=chunks,
        canister_version=_natural(document, "canister_version", (1 << 64) - 1),
        certified_data=_octets(document.get("certified_data"), "certified_data", _MAX_CERTIFIED_DATA),
        global_timer=_timer(document.get("global_timer")),
        on_low_wasm_memory_hook_status=_hook(document.get("on_low_wasm_memory_hook_status")),
    )


def _object(value: object, key: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _Invalid(f"{key} is not an object")
    return value


def _array(document: Mapping[str, Any], key: str, limit: int) -> list[Any]:
    value = document.get(key)
    if not isinstance(value, list):
        raise _Invalid(f"{key} is not an array")
    if len(value) > limit:
        raise _Invalid(f"{key} has {len(value)} elements, at most {limit} are possible")
    return value


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _natural(document: Mapping[str, Any], key: str, limit: int) -> int:
    value = document.get(key)
    if not _is_integer(value):
        raise _Invalid(f"{key} is missing" if value is None else f"{key} is not a whole number")
    if not 0 <= cast(int, value) <= limit:
        raise _Invalid(f"{key} is {value}; it must be from 0 to {limit}")
    return cast(int, value)


def _pages(document: Mapping[str, Any], key: str) -> int:
    size = _natural(document, key, _MAX_STATE_BYTES)
    if size % WASM_PAGE_BYTES:
        raise _Invalid(f"{key} is {size}, which is no multiple of {WASM_PAGE_BYTES}")
    return size


def _octets(value: object, key: str, limit: int) -> bytes:
    if isinstance(value, str):
        raise _Invalid(f"{key} is a string; it must be an array of bytes, or its letters would be taken as the bytes")
    if not isinstance(value, list) or len(value) > limit:
        raise _Invalid(f"{key} is not an array of at most {limit} bytes")
    if not all(_is_integer(item) and 0 <= item <= 255 for item in value):
        raise _Invalid(f"{key} holds something that is not a byte")
    return bytes(value)


def _chunk_hash(item: object) -> bytes:
    digest = _octets(_object(item, "a chunk of wasm_chunk_store").get("hash"), "a hash in wasm_chunk_store", 32)
    if len(digest) != 32:
        raise _Invalid(f"a hash in wasm_chunk_store has {len(digest)} bytes instead of 32")
    return digest


def _source(value: object) -> Literal["taken_from_canister", "metadata_upload"] | None:
    if value is None:
        return None
    names = tuple(_object(value, "source"))
    if len(names) != 1 or names[0] not in _SOURCES:
        raise _Invalid("source is neither taken_from_canister nor metadata_upload")
    return cast(Literal["taken_from_canister", "metadata_upload"], names[0])


def _timer(value: object) -> Literal["inactive"] | int | None:
    if value is None:
        return None
    if value == "inactive":
        return "inactive"
    if isinstance(value, dict) and tuple(value) == ("active",):
        return _natural(value, "active", (1 << 64) - 1)
    raise _Invalid("global_timer is neither null, inactive nor active with a time")


def _hook(value: object) -> Any:
    if value is not None and value not in _HOOK_STATES:
        raise _Invalid("on_low_wasm_memory_hook_status is not a known state")
    return value


def _globals(document: Mapping[str, Any]) -> tuple[Global | None, ...]:
    bits = _object(document.get(_BITS_KEY, {}), _BITS_KEY)
    values = _array(document, "globals", METADATA_LIMIT_BYTES)
    return tuple(_global(value, bits.get(str(index))) for index, value in enumerate(values))


def _global(value: object, bits: object) -> Global | None:
    from quri_console.ic.management.types import Global

    if value is None:
        return None
    pairs = tuple(_object(value, "a global").items())
    if len(pairs) != 1:
        raise _Invalid("a global does not have exactly one type")
    kind, content = pairs[0]
    if kind in _FLOAT_CODES:
        return Global(cast(Literal["f32", "f64"], kind), _float(kind, content, bits))
    if kind == "v128":
        return Global("v128", _vector(content))
    if kind not in _INTEGER_BITS:
        raise _Invalid("a global has a type other than i32, i64, f32, f64 and v128")
    bound = 1 << (_INTEGER_BITS[kind] - 1)
    if not _is_integer(content) or not -bound <= content < bound:
        raise _Invalid(f"an {kind} global is out of range")
    return Global(cast(Literal["i32", "i64"], kind), content)


def _float(kind: str, content: object, bits: object) -> float:
    if content is None and isinstance(bits, str):
        return cast(float, struct.unpack(_FLOAT_CODES[kind], _exact_bits(kind, bits))[0])
    if not isinstance(content, int | float) or isinstance(content, bool):
        raise _Invalid(f"an {kind} global is not a number")
    code = _FLOAT_CODES[kind]
    try:
        # icp writes an f32 with as few digits as tell it from other f32: 0.1 means the f32 nearest to it
        return cast(float, struct.unpack(code, struct.pack(code, content))[0])
    except (OverflowError, struct.error) as error:
        raise _Invalid(f"an {kind} global is out of range") from error


def _exact_bits(kind: str, bits: str) -> bytes:
    raw = bytes.fromhex(bits)
    if len(raw) != struct.calcsize(_FLOAT_CODES[kind]):
        raise _Invalid(f"the bits of an {kind} global have the wrong length")
    return raw


def _vector(content: object) -> int:
    """A v128 from little-endian 32-bit limbs, an integer or a decimal string."""
    if isinstance(content, list):
        if len(content) > 4 or not all(_is_integer(limb) and 0 <= limb < 1 << 32 for limb in content):
            raise _Invalid("a v128 global is not at most four 32-bit limbs")
        return sum(limb << (32 * position) for position, limb in enumerate(content))
    if isinstance(content, str) and content.isascii() and content.isdigit() and len(content) <= 39:
        content = int(content)
    if not _is_integer(content) or not 0 <= cast(int, content) < 1 << 128:
        raise _Invalid("a v128 global is out of range")
    return cast(int, content)
