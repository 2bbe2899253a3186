"""The management canister aaaaa-aa: `read` changes nothing, `change` does and belongs to effects alone."""
