CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE workspace (
    id         INTEGER PRIMARY KEY,
    uid        TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE user (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    uid           TEXT NOT NULL UNIQUE,
    email         TEXT NOT NULL COLLATE NOCASE UNIQUE,
    full_name     TEXT NOT NULL DEFAULT '',
    password_hash TEXT,
    is_active     INTEGER NOT NULL DEFAULT 1,
    is_superuser  INTEGER NOT NULL DEFAULT 0,
    preferences   TEXT NOT NULL DEFAULT '{}',
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    rev           INTEGER NOT NULL DEFAULT 0
, token_epoch INTEGER NOT NULL DEFAULT 1) STRICT;

CREATE TABLE token (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id      INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    hash         BLOB NOT NULL UNIQUE,
    scope        TEXT NOT NULL CHECK (scope IN ('read', 'log', 'admin')),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER
) STRICT;

CREATE INDEX token_by_user ON token (user_id);

CREATE TABLE session (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    hash       BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
, kind TEXT NOT NULL DEFAULT 'browser' CHECK (kind IN ('browser', 'api')), agent TEXT NOT NULL DEFAULT '', last_used_at INTEGER) STRICT;

CREATE INDEX session_by_user ON session (user_id);

CREATE TABLE permission (
    user_id       INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    workspace_id  INTEGER NOT NULL REFERENCES workspace (id),
    resource_type TEXT NOT NULL CHECK (resource_type IN ('experiment', 'registered_model')),
    resource_id   INTEGER NOT NULL,
    permission    TEXT NOT NULL CHECK (permission IN ('READ', 'USE', 'EDIT', 'MANAGE', 'NO_PERMISSIONS')),
    PRIMARY KEY (user_id, resource_type, resource_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE name (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE experiment (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    uid               TEXT NOT NULL UNIQUE,
    workspace_id      INTEGER NOT NULL DEFAULT 1 REFERENCES workspace (id),
    name              TEXT NOT NULL,
    artifact_location TEXT NOT NULL,
    deleted           INTEGER NOT NULL DEFAULT 0,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    created_by        INTEGER REFERENCES user (id) ON DELETE SET NULL,
    origin_store      TEXT,
    origin_id         TEXT,
    rev               INTEGER NOT NULL DEFAULT 0, deleted_at INTEGER,
    UNIQUE (workspace_id, name)
) STRICT;

CREATE TABLE experiment_tag (
    experiment_id INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    key           TEXT NOT NULL,
    value         TEXT NOT NULL,
    PRIMARY KEY (experiment_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id        TEXT NOT NULL UNIQUE,
    experiment_id INTEGER NOT NULL REFERENCES experiment (id),
    name          TEXT NOT NULL,
    user_id       TEXT NOT NULL DEFAULT '',
    status        INTEGER NOT NULL CHECK (status BETWEEN 1 AND 5),
    start_time    INTEGER NOT NULL,
    end_time      INTEGER,
    artifact_uri  TEXT NOT NULL,
    deleted       INTEGER NOT NULL DEFAULT 0,
    deleted_at    INTEGER,
    created_by    INTEGER REFERENCES user (id) ON DELETE SET NULL,
    origin_store  TEXT,
    origin_id     TEXT,
    rev           INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX run_by_start ON run (experiment_id, deleted, start_time DESC, run_id);

CREATE INDEX run_running ON run (experiment_id) WHERE status = 1 AND deleted = 0;

CREATE TABLE param (
    run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    key    INTEGER NOT NULL REFERENCES name (id),
    value  TEXT NOT NULL,
    PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE tag (
    run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    key    INTEGER NOT NULL REFERENCES name (id),
    value  TEXT NOT NULL,
    PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric (
    run_id    INTEGER NOT NULL,
    key       INTEGER NOT NULL,
    step      INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    is_nan    INTEGER NOT NULL,
    value     REAL NOT NULL,
    PRIMARY KEY (run_id, key, step, timestamp, is_nan, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE latest_metric (
    run_id        INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    key           INTEGER NOT NULL REFERENCES name (id),
    experiment_id INTEGER NOT NULL,
    value         REAL NOT NULL,
    is_nan        INTEGER NOT NULL,
    step          INTEGER NOT NULL,
    timestamp     INTEGER NOT NULL,
    count         INTEGER NOT NULL,
    nan_count     INTEGER NOT NULL,
    min_value     REAL,
    max_value     REAL,
    sum_value     REAL NOT NULL,
    ordered       INTEGER NOT NULL, rev INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX latest_metric_by_value ON latest_metric (experiment_id, key, is_nan, value, run_id);

CREATE TABLE dataset (
    id            INTEGER PRIMARY KEY,
    experiment_id INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    name          TEXT NOT NULL,
    digest        TEXT NOT NULL,
    source_type   TEXT NOT NULL,
    source        TEXT NOT NULL,
    schema        TEXT,
    profile       TEXT,
    UNIQUE (experiment_id, name, digest)
) STRICT;

CREATE TABLE run_dataset (
    run_id     INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    dataset_id INTEGER NOT NULL REFERENCES dataset (id) ON DELETE CASCADE,
    PRIMARY KEY (run_id, dataset_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_dataset_tag (
    run_id     INTEGER NOT NULL,
    dataset_id INTEGER NOT NULL,
    key        TEXT NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (run_id, dataset_id, key),
    FOREIGN KEY (run_id, dataset_id) REFERENCES run_dataset (run_id, dataset_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE logged_model (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    model_id       TEXT NOT NULL UNIQUE,
    experiment_id  INTEGER NOT NULL REFERENCES experiment (id),
    name           TEXT NOT NULL,
    model_type     TEXT,
    source_run_id  TEXT,
    status         INTEGER NOT NULL CHECK (status BETWEEN 0 AND 3),
    status_message TEXT,
    artifact_uri   TEXT NOT NULL,
    deleted        INTEGER NOT NULL DEFAULT 0,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    created_by     INTEGER REFERENCES user (id) ON DELETE SET NULL,
    origin_store   TEXT,
    origin_id      TEXT,
    rev            INTEGER NOT NULL DEFAULT 0
, deleted_at INTEGER) STRICT;

CREATE INDEX logged_model_by_time ON logged_model (experiment_id, deleted, created_at DESC, model_id);

CREATE INDEX logged_model_by_run ON logged_model (source_run_id) WHERE source_run_id IS NOT NULL;

CREATE TABLE logged_model_param (
    model_id INTEGER NOT NULL REFERENCES logged_model (id) ON DELETE CASCADE,
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (model_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE logged_model_tag (
    model_id INTEGER NOT NULL REFERENCES logged_model (id) ON DELETE CASCADE,
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (model_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE logged_model_metric (
    model_id       INTEGER NOT NULL REFERENCES logged_model (id) ON DELETE CASCADE,
    key            TEXT NOT NULL,
    timestamp      INTEGER NOT NULL,
    step           INTEGER NOT NULL,
    run_id         TEXT NOT NULL,
    value          REAL NOT NULL,
    is_nan         INTEGER NOT NULL,
    dataset_name   TEXT,
    dataset_digest TEXT,
    PRIMARY KEY (model_id, key, timestamp, step, run_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_model_input (
    run_id   INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    model_id TEXT NOT NULL,
    PRIMARY KEY (run_id, model_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_model_output (
    run_id   INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    model_id TEXT NOT NULL,
    step     INTEGER NOT NULL,
    PRIMARY KEY (run_id, model_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE registered_model (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    uid          TEXT NOT NULL UNIQUE,
    workspace_id INTEGER NOT NULL DEFAULT 1 REFERENCES workspace (id),
    name         TEXT NOT NULL,
    description  TEXT,
    -- Numbers of deleted versions are never given again.
    next_version INTEGER NOT NULL DEFAULT 1,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    created_by   INTEGER REFERENCES user (id) ON DELETE SET NULL,
    origin_store TEXT,
    origin_id    TEXT,
    rev          INTEGER NOT NULL DEFAULT 0,
    UNIQUE (workspace_id, name)
) STRICT;

CREATE TABLE registered_model_tag (
    registered_model_id INTEGER NOT NULL REFERENCES registered_model (id) ON DELETE CASCADE,
    key                 TEXT NOT NULL,
    value               TEXT NOT NULL,
    PRIMARY KEY (registered_model_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE model_version (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    uid                 TEXT NOT NULL UNIQUE,
    registered_model_id INTEGER NOT NULL REFERENCES registered_model (id) ON DELETE CASCADE,
    version             INTEGER NOT NULL,
    user_id             TEXT,
    stage               TEXT NOT NULL DEFAULT 'None',
    description         TEXT,
    source              TEXT NOT NULL,
    storage_location    TEXT,
    run_id              TEXT,
    run_link            TEXT,
    model_id            TEXT,
    status              TEXT NOT NULL DEFAULT 'READY',
    status_message      TEXT,
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL,
    created_by          INTEGER REFERENCES user (id) ON DELETE SET NULL,
    origin_store        TEXT,
    origin_id           TEXT,
    rev                 INTEGER NOT NULL DEFAULT 0,
    UNIQUE (registered_model_id, version)
) STRICT;

CREATE INDEX model_version_by_run ON model_version (run_id) WHERE run_id IS NOT NULL;

CREATE TABLE model_version_tag (
    model_version_id INTEGER NOT NULL REFERENCES model_version (id) ON DELETE CASCADE,
    key              TEXT NOT NULL,
    value            TEXT NOT NULL,
    PRIMARY KEY (model_version_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE alias (
    registered_model_id INTEGER NOT NULL REFERENCES registered_model (id) ON DELETE CASCADE,
    alias               TEXT NOT NULL,
    version             INTEGER NOT NULL,
    PRIMARY KEY (registered_model_id, alias)
) STRICT, WITHOUT ROWID;

CREATE TABLE trace (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    trace_id            TEXT NOT NULL UNIQUE,
    experiment_id       INTEGER NOT NULL REFERENCES experiment (id),
    client_request_id   TEXT,
    -- 0 unspecified, 1 OK, 2 ERROR, 3 IN_PROGRESS.
    state               INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),
    -- Milliseconds.
    request_time        INTEGER NOT NULL,
    execution_duration  INTEGER,
    request_preview     TEXT,
    response_preview    TEXT,
    -- The client has sent the trace's info: what spans say no longer changes its times.
    finalized           INTEGER NOT NULL DEFAULT 0,
    -- Copies of what stands in tags and metadata, for filters, orders and sums: tag
    -- `mlflow.traceName`, metadata `mlflow.trace.session`, `.tokenUsage` and `.cost`.
    name                TEXT,
    session_id          TEXT,
    input_tokens        INTEGER,
    output_tokens       INTEGER,
    total_tokens        INTEGER,
    cache_read_tokens   INTEGER,
    cache_write_tokens  INTEGER,
    input_cost          REAL,
    output_cost         REAL,
    total_cost          REAL,
    created_by          INTEGER REFERENCES user (id) ON DELETE SET NULL,
    origin_store        TEXT,
    origin_id           TEXT,
    rev                 INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX trace_by_time ON trace (experiment_id, request_time DESC, trace_id);

CREATE INDEX trace_by_session ON trace (experiment_id, session_id) WHERE session_id IS NOT NULL;

CREATE INDEX trace_by_client_request ON trace (client_request_id) WHERE client_request_id IS NOT NULL;

CREATE TABLE trace_tag (
    trace_id INTEGER NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (trace_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE trace_metadata (
    trace_id INTEGER NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (trace_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX trace_metadata_source_run ON trace_metadata (value) WHERE key = 'mlflow.sourceRun';

CREATE TABLE span (
    trace_id              INTEGER NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    -- 16 hexadecimal digits.
    span_id               TEXT NOT NULL,
    parent_span_id        TEXT,
    name                  TEXT NOT NULL,
    type                  TEXT NOT NULL,
    -- 0 UNSET, 1 OK, 2 ERROR.
    status                INTEGER NOT NULL CHECK (status BETWEEN 0 AND 2),
    -- Nanoseconds; no end while it is open.
    start_ns              INTEGER NOT NULL,
    end_ns                INTEGER,
    -- Copies of what stands in the content, for sums.
    model                 TEXT,
    model_provider        TEXT,
    input_tokens          INTEGER,
    output_tokens         INTEGER,
    total_tokens          INTEGER,
    cache_read_tokens     INTEGER,
    cache_write_tokens    INTEGER,
    cache_write_1h_tokens INTEGER,
    input_cost            REAL,
    output_cost           REAL,
    total_cost            REAL,
    -- The whole span as MLflow writes it into a trace's file (`traces.json`).
    content               TEXT NOT NULL,
    PRIMARY KEY (trace_id, span_id)
) STRICT;

CREATE TABLE assessment (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    assessment_id TEXT NOT NULL UNIQUE,
    trace_id      INTEGER NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    span_id       TEXT,
    run_id        TEXT,
    name          TEXT NOT NULL,
    kind          TEXT NOT NULL CHECK (kind IN ('feedback', 'expectation', 'issue')),
    -- JSON of any type; `number` is the same where it is a number or a yes or no (1 or 0).
    value         TEXT NOT NULL,
    number        REAL,
    -- JSON: error_code, error_message, stack_trace.
    error         TEXT,
    source_type   TEXT NOT NULL,
    source_id     TEXT,
    rationale     TEXT,
    -- JSON object of texts.
    metadata      TEXT,
    -- The assessment that this one stands in for, which is not valid meanwhile.
    overrides     TEXT,
    valid         INTEGER NOT NULL DEFAULT 1,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;

CREATE INDEX assessment_by_trace ON assessment (trace_id, name);

CREATE TABLE trace_run (
    trace_id INTEGER NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    run_id   TEXT NOT NULL,
    PRIMARY KEY (trace_id, run_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX trace_run_by_run ON trace_run (run_id);

CREATE TABLE trace_prompt (
    trace_id INTEGER NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    name     TEXT NOT NULL,
    version  TEXT NOT NULL,
    PRIMARY KEY (trace_id, name, version)
) STRICT, WITHOUT ROWID;

CREATE INDEX trace_prompt_by_version ON trace_prompt (name, version);

CREATE TABLE evaluation_dataset (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    dataset_id      TEXT NOT NULL UNIQUE,
    workspace_id    INTEGER NOT NULL DEFAULT 1 REFERENCES workspace (id),
    name            TEXT NOT NULL,
    digest          TEXT NOT NULL,
    schema          TEXT,
    record_count    INTEGER NOT NULL DEFAULT 0,
    user_id         TEXT,
    updated_user_id TEXT,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    created_by      INTEGER REFERENCES user (id) ON DELETE SET NULL,
    origin_store    TEXT,
    origin_id       TEXT,
    rev             INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX evaluation_dataset_by_time
    ON evaluation_dataset (workspace_id, created_at DESC, dataset_id DESC);

CREATE INDEX evaluation_dataset_by_name ON evaluation_dataset (workspace_id, name);

CREATE TABLE evaluation_dataset_tag (
    evaluation_dataset_id INTEGER NOT NULL REFERENCES evaluation_dataset (id) ON DELETE CASCADE,
    key                   TEXT NOT NULL,
    value                 TEXT NOT NULL,
    PRIMARY KEY (evaluation_dataset_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE evaluation_dataset_experiment (
    evaluation_dataset_id INTEGER NOT NULL REFERENCES evaluation_dataset (id) ON DELETE CASCADE,
    experiment_id         INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    PRIMARY KEY (evaluation_dataset_id, experiment_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX evaluation_dataset_by_experiment
    ON evaluation_dataset_experiment (experiment_id, evaluation_dataset_id);

CREATE TABLE evaluation_record (
    id                    INTEGER PRIMARY KEY AUTOINCREMENT,
    record_id             TEXT NOT NULL UNIQUE,
    evaluation_dataset_id INTEGER NOT NULL REFERENCES evaluation_dataset (id) ON DELETE CASCADE,
    input_hash            BLOB NOT NULL,
    inputs                TEXT NOT NULL,
    outputs               TEXT,
    expectations          TEXT,
    tags                  TEXT,
    source                TEXT,
    source_id             TEXT,
    source_type           TEXT,
    user_id               TEXT,
    updated_user_id       TEXT,
    created_at            INTEGER NOT NULL,
    updated_at            INTEGER NOT NULL,
    UNIQUE (evaluation_dataset_id, input_hash)
) STRICT;

CREATE INDEX evaluation_record_by_dataset ON evaluation_record (evaluation_dataset_id, id);

CREATE TABLE scorer (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    scorer_id     TEXT NOT NULL UNIQUE,
    experiment_id INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    name          TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    created_by    INTEGER REFERENCES user (id) ON DELETE SET NULL,
    rev           INTEGER NOT NULL DEFAULT 0,
    UNIQUE (experiment_id, name)
) STRICT;

CREATE TABLE scorer_version (
    scorer_id         INTEGER NOT NULL REFERENCES scorer (id) ON DELETE CASCADE,
    version           INTEGER NOT NULL,
    serialized_scorer TEXT NOT NULL,
    created_at        INTEGER NOT NULL,
    PRIMARY KEY (scorer_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE online_scoring_config (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    config_id     TEXT NOT NULL UNIQUE,
    scorer_id     INTEGER NOT NULL UNIQUE REFERENCES scorer (id) ON DELETE CASCADE,
    sample_rate   REAL NOT NULL CHECK (sample_rate BETWEEN 0 AND 1),
    filter_string TEXT
) STRICT;

CREATE TABLE webhook (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook_id   TEXT NOT NULL UNIQUE,
    workspace_id INTEGER NOT NULL DEFAULT 1 REFERENCES workspace (id),
    name         TEXT NOT NULL,
    description  TEXT,
    url          TEXT NOT NULL,
    secret       BLOB,
    status       TEXT NOT NULL CHECK (status IN ('ACTIVE', 'DISABLED')),
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    created_by   INTEGER REFERENCES user (id) ON DELETE SET NULL,
    rev          INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX webhook_by_time ON webhook (workspace_id, created_at DESC, id DESC);

CREATE TABLE webhook_event (
    webhook_id INTEGER NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    entity     TEXT NOT NULL,
    action     TEXT NOT NULL,
    PRIMARY KEY (webhook_id, entity, action)
) STRICT, WITHOUT ROWID;

CREATE INDEX webhook_by_event ON webhook_event (entity, action, webhook_id);

CREATE VIRTUAL TABLE search_name USING fts5 (
    name, content = '', contentless_delete = 1, tokenize = 'trigram', detail = none
);

CREATE TABLE 'search_name_data'(id INTEGER PRIMARY KEY, block BLOB);

CREATE TABLE 'search_name_idx'(segid, term, pgno, PRIMARY KEY(segid, term)) WITHOUT ROWID;

CREATE TABLE 'search_name_docsize'(id INTEGER PRIMARY KEY, sz BLOB, origin INTEGER);

CREATE TABLE 'search_name_config'(k PRIMARY KEY, v) WITHOUT ROWID;

CREATE VIRTUAL TABLE search_text USING fts5 (
    body, content = '', contentless_delete = 1, tokenize = 'trigram', detail = none
);

CREATE TABLE 'search_text_data'(id INTEGER PRIMARY KEY, block BLOB);

CREATE TABLE 'search_text_idx'(segid, term, pgno, PRIMARY KEY(segid, term)) WITHOUT ROWID;

CREATE TABLE 'search_text_docsize'(id INTEGER PRIMARY KEY, sz BLOB, origin INTEGER);

CREATE TABLE 'search_text_config'(k PRIMARY KEY, v) WITHOUT ROWID;

CREATE TABLE search_state (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    seq   INTEGER NOT NULL,
    built INTEGER
) STRICT;

CREATE INDEX run_trash ON run (deleted_at) WHERE deleted = 1;

CREATE INDEX logged_model_trash ON logged_model (deleted_at) WHERE deleted = 1;

CREATE INDEX model_version_by_model ON model_version (model_id) WHERE model_id IS NOT NULL;

CREATE INDEX run_dataset_by_dataset ON run_dataset (dataset_id);

CREATE TABLE leftover (
    id           INTEGER PRIMARY KEY,
    run_row      INTEGER,
    artifact_uri TEXT,
    since        INTEGER NOT NULL,
    CHECK ((run_row IS NULL) <> (artifact_uri IS NULL))
) STRICT;

CREATE INDEX run_recent ON run (deleted, start_time DESC, run_id, experiment_id);

CREATE INDEX assessment_of_session ON assessment (name, trace_id)
    WHERE instr(metadata, '"mlflow.trace.session":') > 0;

CREATE TABLE artifact_file (
    -- Below `mlflow-artifacts:/`.
    path TEXT NOT NULL PRIMARY KEY,
    size INTEGER NOT NULL,
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    -- Which of two that were stored at one path came last; nanoseconds where clocks allow.
    stamp INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sign_in_failure (
    account TEXT NOT NULL PRIMARY KEY,
    count   INTEGER NOT NULL,
    last_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER permission_of_experiment AFTER DELETE ON experiment BEGIN
    DELETE FROM permission WHERE resource_type = 'experiment' AND resource_id = old.id;
END;

CREATE TRIGGER permission_of_model AFTER DELETE ON registered_model BEGIN
    DELETE FROM permission WHERE resource_type = 'registered_model' AND resource_id = old.id;
END;

CREATE INDEX permission_by_resource ON permission (resource_type, resource_id);

CREATE TABLE item (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    uid         TEXT NOT NULL UNIQUE,
    owner_id    INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    title       TEXT NOT NULL,
    description TEXT,
    link_kind   TEXT CHECK (link_kind IN ('experiment', 'run', 'registered_model', 'model_version', 'job')),
    link_id     TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    CHECK ((link_kind IS NULL) = (link_id IS NULL))
) STRICT;

CREATE INDEX item_by_owner ON item (owner_id, id);

CREATE INDEX item_by_link ON item (link_kind, link_id) WHERE link_kind IS NOT NULL;

CREATE TABLE queue (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    concurrency INTEGER NOT NULL CHECK (concurrency BETWEEN 1 AND 1000),
    paused      INTEGER NOT NULL DEFAULT 0,
    -- Why, where nobody asked for it.
    reason      TEXT,
    created_at  INTEGER NOT NULL
, least INTEGER CHECK (least BETWEEN 1 AND 256)) STRICT;

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
, project_id INTEGER REFERENCES project (id) ON DELETE SET NULL, gpus INTEGER NOT NULL DEFAULT 0, memory_limit INTEGER) STRICT;

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
    peak_bytes  INTEGER, gpu_slots TEXT,
    PRIMARY KEY (job_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE job_event (
    job_id INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    state  TEXT NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (job_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE job_edge (
    parent_id  INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    child_id   INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    on_failure INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (parent_id, child_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX job_edge_by_child ON job_edge (child_id);

CREATE TABLE job_rate (
    name        TEXT NOT NULL PRIMARY KEY,
    interval_ms INTEGER NOT NULL CHECK (interval_ms > 0),
    next_at     INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE role (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace_id INTEGER NOT NULL REFERENCES workspace (id),
    name         TEXT NOT NULL,
    description  TEXT,
    created_at   INTEGER NOT NULL,
    UNIQUE (workspace_id, name)
) STRICT;

CREATE TABLE role_permission (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    role_id          INTEGER NOT NULL REFERENCES role (id) ON DELETE CASCADE,
    resource_type    TEXT NOT NULL CHECK (resource_type IN ('workspace', 'experiment', 'registered_model', 'prompt')),
    resource_pattern TEXT NOT NULL,
    permission       TEXT NOT NULL CHECK (permission IN ('READ', 'USE', 'EDIT', 'MANAGE', 'DENY')),
    UNIQUE (role_id, resource_type, resource_pattern)
) STRICT;

CREATE TABLE role_member (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    role_id INTEGER NOT NULL REFERENCES role (id) ON DELETE CASCADE,
    UNIQUE (user_id, role_id)
) STRICT;

CREATE INDEX role_member_by_role ON role_member (role_id);

CREATE TABLE schedule (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    uid         TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL UNIQUE,
    -- A cron expression in a time zone, or milliseconds counted from a moment.
    cron        TEXT,
    zone        TEXT,
    interval_ms INTEGER CHECK (interval_ms > 0),
    anchor_at   INTEGER,
    catch_up    TEXT NOT NULL CHECK (catch_up IN ('skip', 'once', 'all')),
    -- JSON: the job as it is asked for.
    job         TEXT NOT NULL,
    enabled     INTEGER NOT NULL,
    -- Why it does not fire, where nobody asked for that.
    reason      TEXT,
    next_at     INTEGER,
    -- When next_at was found; later than now after the clock was set back.
    planned_at  INTEGER NOT NULL,
    -- Whose jobs it queues.
    user_id     INTEGER REFERENCES user (id) ON DELETE SET NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    rev         INTEGER NOT NULL DEFAULT 0,
    CHECK ((cron IS NULL) = (zone IS NULL)),
    CHECK ((interval_ms IS NULL) = (anchor_at IS NULL)),
    CHECK ((cron IS NULL) <> (interval_ms IS NULL))
) STRICT;

CREATE INDEX schedule_next ON schedule (next_at) WHERE enabled = 1;

CREATE TABLE schedule_fire (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    schedule_id INTEGER NOT NULL REFERENCES schedule (id) ON DELETE CASCADE,
    fire_at     INTEGER NOT NULL,
    by_hand     INTEGER NOT NULL,
    outcome     TEXT NOT NULL CHECK (outcome IN ('queued', 'alive', 'missed', 'refused')),
    -- How many times it stands for.
    times       INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    task_id     TEXT,
    message     TEXT
) STRICT;

CREATE UNIQUE INDEX schedule_fire_once ON schedule_fire (schedule_id, fire_at)
    WHERE by_hand = 0 AND outcome <> 'missed';

CREATE INDEX schedule_fire_recent ON schedule_fire (schedule_id, id);

CREATE INDEX schedule_fire_by_job ON schedule_fire (task_id) WHERE task_id IS NOT NULL;

CREATE INDEX job_ended ON job (ended_at) WHERE lane = 0;

CREATE TABLE project (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    uid         TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL UNIQUE,
    -- Its folder, absolute.
    path        TEXT NOT NULL UNIQUE,
    -- The Python that was chosen; found in the folder when absent.
    interpreter TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    created_by  INTEGER REFERENCES user (id) ON DELETE SET NULL
) STRICT;

CREATE TABLE sweep (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Its jobs carry it as their root.
    root_id    TEXT NOT NULL UNIQUE,
    project_id INTEGER REFERENCES project (id) ON DELETE SET NULL,
    task       TEXT NOT NULL,
    method     TEXT NOT NULL CHECK (method IN ('grid', 'random')),
    -- JSON: what is varied over, as it was asked for.
    space      TEXT NOT NULL,
    -- Sorted by this metric of its runs, or member of its results.
    metric     TEXT,
    goal       TEXT NOT NULL CHECK (goal IN ('max', 'min')),
    created_at INTEGER NOT NULL,
    created_by INTEGER REFERENCES user (id) ON DELETE SET NULL
) STRICT;

CREATE INDEX sweep_by_project ON sweep (project_id) WHERE project_id IS NOT NULL;

CREATE INDEX job_by_project ON job (project_id) WHERE project_id IS NOT NULL;

CREATE INDEX job_on_gpu ON job (id) WHERE lane = 3 AND gpus > 0;

CREATE INDEX job_ready ON job (queue_id, gpus, rank, id) WHERE lane = 2;

CREATE TABLE rule (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    uid           TEXT NOT NULL UNIQUE,
    user_id       INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    -- What it tells of, such as `job.failed job.lost`: names of one kind.
    occasions     TEXT NOT NULL,
    -- Only in this queue; of this task, name or key, where a * stands for anything; in this
    -- experiment; of this job or run.
    queue         TEXT,
    name          TEXT,
    experiment_id INTEGER REFERENCES experiment (id) ON DELETE CASCADE,
    subject       TEXT,
    threshold     REAL,
    desktop       INTEGER NOT NULL,
    webhook       TEXT,
    -- Sealed; signs what the webhook is told.
    secret        BLOB,
    email         TEXT,
    -- It is off after it told once.
    once          INTEGER NOT NULL,
    enabled       INTEGER NOT NULL,
    -- How often it held back, because it had told too much within a minute.
    withheld      INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    rev           INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX rule_by_user ON rule (user_id, id);

CREATE INDEX rule_by_experiment ON rule (experiment_id) WHERE experiment_id IS NOT NULL;

CREATE TABLE rule_firing (
    run_id  INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    key     INTEGER NOT NULL REFERENCES name (id),
    rule_id INTEGER NOT NULL REFERENCES rule (id) ON DELETE CASCADE,
    since   INTEGER NOT NULL,
    PRIMARY KEY (run_id, key, rule_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX rule_firing_by_rule ON rule_firing (rule_id);

CREATE TABLE notification (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id       INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    rule_id       INTEGER REFERENCES rule (id) ON DELETE SET NULL,
    -- What happened; absent for a test.
    occasion      TEXT,
    -- To which job or run, and in which experiment.
    subject       TEXT,
    experiment_id INTEGER,
    title         TEXT NOT NULL,
    body          TEXT NOT NULL,
    at            INTEGER NOT NULL,
    -- It is in the list of the window, and was seen there.
    desktop       INTEGER NOT NULL,
    read_at       INTEGER,
    -- What became of telling it otherwise: `owed`, `told`, `kept`, or why not; absent where
    -- the rule does not tell so.
    webhook       TEXT,
    email         TEXT
) STRICT;

CREATE INDEX notification_by_user ON notification (user_id, id);

CREATE INDEX notification_by_rule ON notification (rule_id, id) WHERE rule_id IS NOT NULL;

CREATE INDEX notification_unread ON notification (user_id, id) WHERE desktop = 1 AND read_at IS NULL;

CREATE TABLE delivery (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery_id     TEXT NOT NULL UNIQUE,
    webhook_id      INTEGER REFERENCES webhook (id) ON DELETE CASCADE,
    notification_id INTEGER REFERENCES notification (id) ON DELETE CASCADE,
    channel         TEXT NOT NULL CHECK (channel IN ('webhook', 'email')),
    -- The mail in the outbox, once it is written.
    mail_id         INTEGER,
    entity          TEXT NOT NULL,
    action          TEXT NOT NULL,
    data            TEXT NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    created_at      INTEGER NOT NULL,
    due_at          INTEGER NOT NULL,
    CHECK ((webhook_id IS NULL) <> (notification_id IS NULL))
) STRICT;

CREATE INDEX delivery_by_due ON delivery (due_at, id);

CREATE INDEX delivery_by_webhook ON delivery (webhook_id) WHERE webhook_id IS NOT NULL;

CREATE INDEX delivery_by_notification ON delivery (notification_id)
    WHERE notification_id IS NOT NULL;

CREATE TABLE "outbox" (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL CHECK (kind IN ('new_account', 'recovery', 'test', 'notification')),
    recipient  TEXT NOT NULL,
    subject    TEXT NOT NULL,
    text       TEXT NOT NULL,
    html       TEXT NOT NULL,
    -- `kept`: there is no mail server to give it to.
    state      TEXT NOT NULL CHECK (state IN ('kept', 'sending', 'sent', 'failed')),
    -- The mail server's words.
    error      TEXT,
    created_at INTEGER NOT NULL,
    sent_at    INTEGER
) STRICT;

CREATE TABLE job_limit (
    name       TEXT NOT NULL PRIMARY KEY,
    soft_limit INTEGER CHECK (soft_limit > 0),
    hard_limit INTEGER CHECK (hard_limit > 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX job_graph_alive ON job (root_id) WHERE lane <> 0 AND root_id IS NOT NULL;

CREATE INDEX job_retried ON job (retries) WHERE retries > 0;

CREATE TABLE "change" (
    seq       INTEGER PRIMARY KEY,
    kind      INTEGER NOT NULL,
    entity    INTEGER NOT NULL,
    field     ANY,
    op        INTEGER NOT NULL,
    hlc       INTEGER NOT NULL,
    actor     INTEGER,
    source    INTEGER NOT NULL DEFAULT 0,
    step_from INTEGER,
    step_to   INTEGER,
    points    INTEGER
) STRICT;

CREATE TABLE trace_link (
    trace_id   TEXT NOT NULL,
    run_id     TEXT NOT NULL,
    created_by INTEGER REFERENCES user (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (trace_id, run_id)
) STRICT, WITHOUT ROWID;
