"""Bringing a canister back: plan (no effects) → execute → verify → keep or roll back."""
