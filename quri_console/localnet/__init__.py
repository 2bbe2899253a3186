"""An embedded Internet Computer: the real protocol, real canister modules, charges and limits, on loopback."""
