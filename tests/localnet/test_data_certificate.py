"""Certified data: queries hand out a certificate that an independent verifier accepts."""

from __future__ import annotations

import pytest
from wasmtime import wat2wasm

from quri_console.clock import SystemClock
from quri_console.ic.certificates import CertificateVerifier
from quri_console.ic.encoding.hash_tree import Found
from quri_console.ic.encoding.principal import Principal
from quri_console.localnet.messages import Reply
from tests.support.direct import Direct
from tests.support.networks import local_network

CERTIFYING = wat2wasm("""
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_arg_data_size" (func $arg_size (result i32)))
  (import "ic0" "msg_arg_data_copy" (func $arg_copy (param i32 i32 i32)))
  (import "ic0" "certified_data_set" (func $certify (param i32 i32)))
  (import "ic0" "data_certificate_present" (func $present (result i32)))
  (import "ic0" "data_certificate_size" (func $size (result i32)))
  (import "ic0" "data_certificate_copy" (func $copy (param i32 i32 i32)))
  (memory 1)
  (func (export "canister_update set")
    (call $arg_copy (i32.const 0) (i32.const 0) (call $arg_size))
    (call $certify (i32.const 0) (call $arg_size))
    (call $reply))
  (func (export "canister_query certificate")
    (if (call $present) (then
      (call $copy (i32.const 64) (i32.const 0) (call $size))
      (call $append (i32.const 64) (call $size))))
    (call $reply)))
""")


@pytest.mark.parametrize("layout", [{}, {"delegated": True}, {"delegated": True, "old_layout": True}])
async def test_a_query_hands_out_a_certificate_of_what_the_canister_has_set(layout):
    async with local_network(**layout) as net:
        alice = Direct(net.network)
        canister = await alice.install(CERTIFYING)
        verifier = CertificateVerifier(net.root_key, SystemClock())
        for data in (b"first", b"second", b""):
            await alice.ask(canister, "set", data)
            answer = await alice.ask(canister, "certificate", query=True)
            assert isinstance(answer, Reply)
            certificate = verifier.verify_for_canister(answer.argument, Principal(canister))
            assert certificate.lookup([b"canister", canister, b"certified_data"]) == Found(data)


async def test_no_certificate_in_replicated_execution_or_without_a_server(alice):
    canister = await alice.install(CERTIFYING)
    assert await alice.ask(canister, "certificate", query=True) == Reply(b"")
    async with local_network() as net:
        inside = Direct(net.network)
        canister = await inside.install(CERTIFYING)
        assert await inside.ask(canister, "certificate") == Reply(b"")
        answer = await inside.ask(canister, "certificate", query=True)
        assert isinstance(answer, Reply)
        assert answer.argument
