BEGIN TRANSACTION;
CREATE TABLE alert_clocks (
    network TEXT PRIMARY KEY,
    document TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE alert_groups (
    network TEXT NOT NULL,
    group_key TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (network, group_key)
) WITHOUT ROWID;
CREATE TABLE alert_history (
    id INTEGER PRIMARY KEY,
    network TEXT NOT NULL,
    subject TEXT NOT NULL,
    rule TEXT NOT NULL,
    at_ns INTEGER NOT NULL,
    state TEXT NOT NULL,
    level TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE TABLE alerts (
    network TEXT NOT NULL,
    subject TEXT NOT NULL,
    rule TEXT NOT NULL,
    state TEXT NOT NULL,
    level TEXT NOT NULL,
    since_ns INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (network, subject, rule)
) WITHOUT ROWID;
CREATE TABLE canisters (
    id INTEGER PRIMARY KEY,
    network TEXT NOT NULL,
    canister_id TEXT NOT NULL,
    UNIQUE (network, canister_id)
);
INSERT INTO "canisters" VALUES(1,'ic','pkrpq-5qaaa-aaaah-aroda-cai');
INSERT INTO "canisters" VALUES(2,'local','pnqje-qiaaa-aaaah-arodq-cai');
CREATE TABLE cause_counters (
    canister INTEGER NOT NULL REFERENCES canisters (id) ON DELETE CASCADE,
    at_ns INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (canister, at_ns)
) WITHOUT ROWID;
CREATE TABLE duties (
    network TEXT NOT NULL,
    duty TEXT NOT NULL,
    started_ns INTEGER,
    succeeded_ns INTEGER,
    failed_ns INTEGER,
    note TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (network, duty)
) WITHOUT ROWID;
CREATE TABLE events (
    canister INTEGER NOT NULL REFERENCES canisters (id) ON DELETE CASCADE,
    at_ns INTEGER NOT NULL,
    kind TEXT NOT NULL,
    before TEXT,
    after TEXT,
    cycles,
    PRIMARY KEY (canister, at_ns, kind)
) WITHOUT ROWID;
CREATE TABLE known (
    canister INTEGER PRIMARY KEY REFERENCES canisters (id) ON DELETE CASCADE,
    at_ns INTEGER NOT NULL,
    cycles,
    status TEXT,
    module TEXT,
    controllers TEXT,
    settings TEXT,
    present INTEGER
);
CREATE TABLE leases (
    duty TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    acquired_ns INTEGER NOT NULL,
    expires_ns INTEGER NOT NULL
);
INSERT INTO "leases" VALUES('poll:ic','host:1:ab',1750032000000000000,1750032120000000000);
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    channel TEXT NOT NULL,
    group_key TEXT NOT NULL DEFAULT '',
    document TEXT NOT NULL,
    created_ns INTEGER NOT NULL,
    due_ns INTEGER NOT NULL,
    expires_ns INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    claimed_ns INTEGER,
    held_until_ns INTEGER NOT NULL DEFAULT 0,
    holder TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'waiting',
    settled_ns INTEGER,
    error TEXT NOT NULL DEFAULT '',
    UNIQUE (key, channel)
);
CREATE TABLE payers (
    network TEXT NOT NULL,
    payer TEXT NOT NULL,
    at_ns INTEGER NOT NULL,
    cycles,
    error TEXT,
    PRIMARY KEY (network, payer, at_ns)
) WITHOUT ROWID;
CREATE TABLE rollup_late (
    canister INTEGER NOT NULL REFERENCES canisters (id) ON DELETE CASCADE,
    bucket_seconds INTEGER NOT NULL,
    start_ns INTEGER NOT NULL,
    PRIMARY KEY (canister, bucket_seconds, start_ns)
) WITHOUT ROWID;
CREATE TABLE rollup_progress (
    canister INTEGER PRIMARY KEY REFERENCES canisters (id) ON DELETE CASCADE,
    hours_until_ns INTEGER NOT NULL DEFAULT 0,
    days_until_ns INTEGER NOT NULL DEFAULT 0,
    samples_from_ns INTEGER NOT NULL DEFAULT 0,
    hours_from_ns INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE rollups (
    canister INTEGER NOT NULL REFERENCES canisters (id) ON DELETE CASCADE,
    bucket_seconds INTEGER NOT NULL,
    start_ns INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    first_ns INTEGER NOT NULL,
    last_ns INTEGER NOT NULL,
    first_cycles NOT NULL,
    last_cycles NOT NULL,
    min_cycles NOT NULL,
    max_cycles NOT NULL,
    burnt NOT NULL,
    burn_ns INTEGER NOT NULL,
    top_ups INTEGER NOT NULL,
    top_up_cycles NOT NULL,
    idle_burn_per_day,
    memory_bytes INTEGER,
    before_ns INTEGER,
    before_cycles,
    PRIMARY KEY (canister, bucket_seconds, start_ns)
) WITHOUT ROWID;
CREATE TABLE samples (
    canister INTEGER NOT NULL REFERENCES canisters (id) ON DELETE CASCADE,
    at_ns INTEGER NOT NULL,
    origin TEXT NOT NULL,
    status TEXT,
    cycles,
    reserved_cycles,
    idle_burn_per_day,
    freezing_limit,
    memory_bytes INTEGER,
    heap_bytes INTEGER,
    stable_bytes INTEGER,
    snapshot_bytes INTEGER,
    module_hash BLOB,
    settings INTEGER REFERENCES settings (id),
    latency_ms REAL,
    error_kind TEXT,
    error TEXT, snapshots INTEGER, chunk_store_bytes INTEGER, clock_skew_seconds REAL,
    PRIMARY KEY (canister, at_ns)
) WITHOUT ROWID;
INSERT INTO "samples" VALUES(1,1750032000000000000,'query','running',492000000000,0,7114022219,213420666570,72770912,6553600,65536000,0,X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F',1,12.5,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(1,1750032060000000000,'',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'unreachable','no answer',NULL,NULL,NULL);
INSERT INTO "samples" VALUES(1,1750035660000000000,'query','running',491000000000,0,7114022219,213420666570,72770912,6553600,65536000,0,X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F',1,11.0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(2,1750032000000000000,'public',NULL,'340282366920938463463374607431768211455',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,9.0,'not authorised','not a controller',NULL,NULL,NULL);
CREATE TABLE settings (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    document TEXT NOT NULL
);
INSERT INTO "settings" VALUES(1,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A','{"controllers":["aaaaa-aa"],"freezing_threshold":2592000}');
CREATE TABLE silences (
    id INTEGER PRIMARY KEY,
    network TEXT NOT NULL,
    subject TEXT NOT NULL,
    rule TEXT NOT NULL,
    kind TEXT NOT NULL,
    level TEXT NOT NULL DEFAULT '',
    by_whom TEXT NOT NULL,
    note TEXT NOT NULL,
    from_ns INTEGER NOT NULL,
    until_ns INTEGER
);
CREATE INDEX alert_history_by_time ON alert_history (network, at_ns);
CREATE INDEX outbox_by_channel ON outbox (channel, state, due_ns);
CREATE INDEX outbox_by_claim ON outbox (channel, claimed_ns);
COMMIT;
PRAGMA user_version = 2;
