"""Pure functions on the bytes of a canister: its module, its interface and its memory; no input or output."""
