"""Every function of the System API: its type, and from which entry points it may be called.

Source: interface specification 0.66, "Overview of imports". In the types `P` is
a pointer or size of the memory's width, `i` an i32, `l` an i64; what follows
`>` is the result. The contexts are the specification's letters; `*` is every
one but the start function, `* s` every one.
"""

from __future__ import annotations

from dataclasses import dataclass

EVERYWHERE = frozenset(["I", "G", "U", "RQ", "NRQ", "TQ", "CQ", "Ry", "Rt", "CRy", "CRt", "C", "CC", "F", "T"])

_TABLE = """
msg_arg_data_size                >P       I U RQ NRQ TQ CQ Ry CRy F
msg_arg_data_copy                PPP>     I U RQ NRQ TQ CQ Ry CRy F
msg_caller_size                  >P       *
msg_caller_copy                  PPP>     *
msg_caller_info_data_size        >P       U RQ NRQ CQ Ry Rt CRy CRt C CC F
msg_caller_info_data_copy        PPP>     U RQ NRQ CQ Ry Rt CRy CRt C CC F
msg_caller_info_signer_size      >P       U RQ NRQ CQ Ry Rt CRy CRt C CC F
msg_caller_info_signer_copy      PPP>     U RQ NRQ CQ Ry Rt CRy CRt C CC F
msg_reject_code                  >i       Ry Rt CRy CRt C
msg_reject_msg_size              >P       Rt CRt
msg_reject_msg_copy              PPP>     Rt CRt
msg_deadline                     >l       U RQ NRQ CQ Ry Rt CRy CRt
msg_reply_data_append            PP>      U RQ NRQ TQ CQ Ry Rt CRy CRt
msg_reply                        >        U RQ NRQ TQ CQ Ry Rt CRy CRt
msg_reject                       PP>      U RQ NRQ TQ CQ Ry Rt CRy CRt
msg_cycles_available             >l       U RQ Rt Ry
msg_cycles_available128          P>       U RQ Rt Ry
msg_cycles_refunded              >l       Rt Ry
msg_cycles_refunded128           P>       Rt Ry
msg_cycles_accept                l>l      U RQ Rt Ry
msg_cycles_accept128             llP>     U RQ Rt Ry
cycles_burn128                   llP>     I G U RQ Ry Rt C T
canister_self_size               >P       *
canister_self_copy               PPP>     *
canister_cycle_balance           >l       *
canister_cycle_balance128        P>       *
canister_liquid_cycle_balance128 P>       *
canister_status                  >i       *
canister_version                 >l       *
subnet_self_size                 >P       *
subnet_self_copy                 PPP>     *
subnet_self_node_count           >i       *
msg_method_name_size             >P       F
msg_method_name_copy             PPP>     F
accept_message                   >        F
call_new                         PPPPPPPP> U CQ Ry Rt CRy CRt T
call_on_cleanup                  PP>      U CQ Ry Rt CRy CRt T
call_data_append                 PP>      U CQ Ry Rt CRy CRt T
call_with_best_effort_response   i>       U CQ Ry Rt CRy CRt T
call_cycles_add                  l>       U Ry Rt T
call_cycles_add128               ll>      U Ry Rt T
call_perform                     >i       U CQ Ry Rt CRy CRt T
stable_size                      >i       * s
stable_grow                      i>i      * s
stable_write                     iii>     * s
stable_read                      iii>     * s
stable64_size                    >l       * s
stable64_grow                    l>l      * s
stable64_write                   lll>     * s
stable64_read                    lll>     * s
root_key_size                    >P       I G U RQ Ry Rt C T
root_key_copy                    PPP>     I G U RQ Ry Rt C T
certified_data_set               PP>      I G U Ry Rt T
data_certificate_present         >i       *
data_certificate_size            >P       NRQ CQ
data_certificate_copy            PPP>     NRQ CQ
time                             >l       *
global_timer_set                 l>l      I G U Ry Rt C T
performance_counter              i>l      * s
is_controller                    PP>i     * s
in_replicated_execution          >i       * s
cost_call                        llP>     * s
cost_create_canister             P>       * s
cost_http_request                llP>     * s
cost_http_request_v2             PPP>     * s
cost_sign_with_ecdsa             PPiP>i   * s
cost_sign_with_schnorr           PPiP>i   * s
cost_vetkd_derive_key            PPiP>i   * s
env_var_count                    >P       *
env_var_name_size                P>P      *
env_var_name_copy                PPPP>    *
env_var_name_exists              PP>i     *
env_var_value_size               PP>P     *
env_var_value_copy               PPPPP>   *
debug_print                      PP>      * s
trap                             PP>      * s
"""

ONLY_32_BIT = frozenset(
    [
        "msg_cycles_available",
        "msg_cycles_refunded",
        "msg_cycles_accept",
        "canister_cycle_balance",
        "call_cycles_add",
        "stable_size",
        "stable_grow",
        "stable_write",
        "stable_read",
    ]
)


@dataclass(frozen=True, slots=True)
class Signature:
    """One function of the System API."""

    parameters: str
    results: str
    contexts: frozenset[str]

    def types(self, *, is_64_bit: bool) -> tuple[list[str], list[str]]:
        """Names of the parameter and result types for a memory of that width."""
        names = {"P": "i64" if is_64_bit else "i32", "i": "i32", "l": "i64"}
        return [names[letter] for letter in self.parameters], [names[letter] for letter in self.results]


def _parse(line: str) -> tuple[str, Signature]:
    name, types, *contexts = line.split()
    parameters, _, results = types.partition(">")
    allowed = frozenset(contexts)
    if "*" in allowed:
        allowed = allowed - {"*"} | EVERYWHERE
    return name, Signature(parameters, results, allowed)


SIGNATURES: dict[str, Signature] = dict(_parse(line) for line in _TABLE.strip().splitlines())
