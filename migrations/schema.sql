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
) STRICT;

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
) STRICT;

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
    ordered       INTEGER NOT NULL,
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

CREATE TABLE change (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
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
