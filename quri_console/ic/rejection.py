"""A call that the network or the canister turned down (interface specification, "Reject codes")."""

from __future__ import annotations

from quri_console.errors import ExitCode, QuriError

REJECT_CODES = {
    1: "fatal error of the network",
    2: "passing problem of the network",
    3: "no such canister",
    4: "refused by the canister",
    5: "the canister failed",
    6: "outcome unknown to the network",
}

NEXT_STEPS = {
    "IC0206": "Calls of the canister were still open after 5 minutes; it runs on. Find what it waits for.",
    "IC0207": "The canister is frozen: top it up with cycles first.",
    "IC0210": "The network limits how fast state may change; wait a minute and try again.",
    "IC0301": "Check the canister's id and the network it should be on. One that was deleted is made anew by "
    "`quri-console create`.",
    "IC0305": "`quri-console list` shows the restore points that exist now.",
    "IC0406": "The canister or the network refuses this request as it is; its message says why.",
    "IC0407": "This network does not know the method; it may be older than this program.",
    "IC0408": "The network does not accept these values; its message says why.",
    "IC0409": "A snapshot taken from a canister cannot be written to; upload into a new one.",
    "IC0504": "The canister or the request broke a rule of the network; its message says which.",
    "IC0508": "The canister is stopped: start it first.",
    "IC0509": "The canister is stopping; wait until it has stopped, or start it to cancel.",
    "IC0510": "Stop the canister first.",
    "IC0512": "Use the identity of a controller; `quri-console status` shows who they are.",
    "IC0536": "The canister's module has no such method; it may be another version than expected.",
    "IC0537": "The canister has no code; install a module or restore a backup.",
}
_NOT_CONTROLLER = "IC0512"


class Rejected(QuriError):
    """The call was turned down and will never be executed, or was executed and answered with a rejection.

    `message` is untrusted text. `certified` is False for a rejection by the one node that was asked, before
    anything was executed.
    """

    def __init__(
        self, subject: str, *, reject_code: int, error_code: str | None, message: str, certified: bool
    ) -> None:
        first_line = message.strip().splitlines()[0] if message.strip() else REJECT_CODES.get(reject_code, "")
        super().__init__(
            f"{subject} was rejected" + (f" ({error_code})" if error_code else ""),
            why=first_line,
            next_step=NEXT_STEPS.get(error_code or "", ""),
            exit_code=ExitCode.NOT_AUTHORISED if error_code == _NOT_CONTROLLER else None,
        )
        self.reject_code = reject_code
        self.error_code = error_code
        self.message = message
        self.certified = certified
