"""The only room that changes a canister or moves cycles: gate → journal → send → resolve."""
