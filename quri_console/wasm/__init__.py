"""Executes canister modules on wasmtime: the System API, states taken out and put back, nothing of the product."""
