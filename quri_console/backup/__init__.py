"""Copies of canisters off the chain: taking them, finding them, checking them, comparing them."""
