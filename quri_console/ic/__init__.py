"""An asynchronous Internet Computer client: encoding, certificates, identities, agent, management canister."""
