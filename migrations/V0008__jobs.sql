-- Jobs: what is queued, how it stands, and each attempt at it.

CREATE TABLE queue (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    concurrency INTEGER NOT NULL CHECK (concurrency BETWEEN 1 AND 1000),
    paused      INTEGER NOT NULL DEFAULT 0,
    -- Why, where nobody asked for it.
    reason      TEXT,
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE job (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id      TEXT NOT NULL UNIQUE,
    queue_id     INTEGER NOT NULL REFERENCES queue (id),
    name         TEXT NOT NULL,
    -- JSON: an array; an object; an array; an object.
    command      TEXT,
    env          TEXT NOT NULL,
    args         TEXT NOT NULL,
    kwargs       TEXT NOT NULL,
    cwd          TEXT,
    state        TEXT NOT NULL CHECK (state IN
        ('PENDING', 'RECEIVED', 'STARTED', 'RETRY', 'SUCCESS', 'FAILURE', 'REVOKED')),
    -- 0 ended, 1 held until due_at, 2 ready, 3 with a worker, 4 waits for other jobs.
    lane         INTEGER NOT NULL CHECK (lane BETWEEN 0 AND 4),
    priority     INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 9),
    -- The order in its queue: when it was due, earlier by ten minutes for each step of priority.
    rank         INTEGER NOT NULL,
    due_at       INTEGER NOT NULL,
    expires_at   INTEGER,
    -- It has its place in its task's rate.
    has_slot     INTEGER NOT NULL DEFAULT 0,
    max_retries  INTEGER NOT NULL,
    retries      INTEGER NOT NULL DEFAULT 0,
    retry_delay  INTEGER NOT NULL,
    retry_cap    INTEGER NOT NULL,
    retry_backoff INTEGER NOT NULL,
    retry_jitter INTEGER NOT NULL,
    acks_late    INTEGER NOT NULL,
    soft_limit   INTEGER,
    hard_limit   INTEGER,
    unique_key   TEXT,
    cancelled    INTEGER NOT NULL DEFAULT 0,
    worker       TEXT,
    lease_until  INTEGER,
    attempt      INTEGER NOT NULL DEFAULT 0,
    waits_for    INTEGER NOT NULL DEFAULT 0,
    root_id      TEXT,
    meta         TEXT,
    result       TEXT,
    exception    TEXT,
    message      TEXT,
    traceback    TEXT,
    queued_at    INTEGER NOT NULL,
    started_at   INTEGER,
    ended_at     INTEGER,
    created_by   INTEGER REFERENCES user (id) ON DELETE SET NULL,
    rev          INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX job_ready ON job (queue_id, rank, id) WHERE lane = 2;
CREATE INDEX job_held ON job (due_at) WHERE lane = 1;
CREATE INDEX job_expiring ON job (expires_at) WHERE lane IN (1, 2) AND expires_at IS NOT NULL;
CREATE UNIQUE INDEX job_unique ON job (unique_key) WHERE lane <> 0 AND unique_key IS NOT NULL;
CREATE INDEX job_by_state ON job (state, id);
CREATE INDEX job_by_queue ON job (queue_id, lane);
CREATE INDEX job_by_root ON job (root_id) WHERE root_id IS NOT NULL;

CREATE TABLE attempt (
    job_id      INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    number      INTEGER NOT NULL,
    worker      TEXT NOT NULL,
    pid         INTEGER,
    -- The credential of its process.
    token_id    INTEGER,
    received_at INTEGER NOT NULL,
    ended_at    INTEGER,
    reason      TEXT,
    exit_code   INTEGER,
    signal      INTEGER,
    cpu_ms      INTEGER,
    peak_bytes  INTEGER,
    PRIMARY KEY (job_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE job_event (
    job_id INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    state  TEXT NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (job_id, number)
) STRICT, WITHOUT ROWID;

-- The child runs after its parents: all that have to succeed did, or the one whose failure it
-- waits for failed.
CREATE TABLE job_edge (
    parent_id  INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    child_id   INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    on_failure INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (parent_id, child_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX job_edge_by_child ON job_edge (child_id);

-- How often tasks of a name start: one each `interval_ms`, the next not before `next_at`.
CREATE TABLE job_rate (
    name        TEXT NOT NULL PRIMARY KEY,
    interval_ms INTEGER NOT NULL CHECK (interval_ms > 0),
    next_at     INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
