"""A verified, deduplicated, optionally encrypted store of byte ranges (DESIGN §5); it knows no canister."""
