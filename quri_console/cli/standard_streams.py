"""Standard input, output and errors that whoever started the process has closed."""

from __future__ import annotations

import os
import sys

STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def open_closed() -> None:
    """Open the null device in place of each one that is closed, as in a careless cron job or service (`>&-`).

    Python has no stream there, and the next file that is opened would get the number: a journal, say, into which
    a library then writes what it has to complain of.
    """
    for number, (name, mode) in enumerate(STREAMS):
        try:
            os.fstat(number)
        except OSError:
            # the lowest free number is given out, which is this one
            opened = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(opened, True)
            setattr(sys, name, open(opened, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - until the process ends
