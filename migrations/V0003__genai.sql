-- Evaluating and observing: evaluation datasets, scorers, and webhooks with the deliveries
-- that are still owed.

-- Evaluation datasets ---------------------------------------------------------------

-- `user_id` and `updated_user_id` are MLflow's free-text users. The profile is the number
-- of records, kept so that nobody has to count; `schema` is JSON.
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
-- The default order of a search.
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

-- A record is known by its inputs: `input_hash` is the SHA-256 of their canonical JSON.
-- Inputs, outputs, expectations, tags and source are JSON as it was sent.
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
-- Pages of a dataset's records, in the order in which they came.
CREATE INDEX evaluation_record_by_dataset ON evaluation_record (evaluation_dataset_id, id);

-- Scorers ---------------------------------------------------------------------------

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

-- How a scorer is to judge traces as they come; one configuration each.
CREATE TABLE online_scoring_config (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    config_id     TEXT NOT NULL UNIQUE,
    scorer_id     INTEGER NOT NULL UNIQUE REFERENCES scorer (id) ON DELETE CASCADE,
    sample_rate   REAL NOT NULL CHECK (sample_rate BETWEEN 0 AND 1),
    filter_string TEXT
) STRICT;

-- Webhooks --------------------------------------------------------------------------

-- `secret` is sealed with a key of the data folder's `secrets/`, so that a copy of the
-- database gives nothing away.
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
-- Asked by every write to the registry.
CREATE INDEX webhook_by_event ON webhook_event (entity, action, webhook_id);

-- What is owed to a webhook: written with the change that it tells of, removed once it is
-- delivered or given up. `data` is the event's JSON.
CREATE TABLE webhook_delivery (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery_id TEXT NOT NULL UNIQUE,
    webhook_id  INTEGER NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    entity      TEXT NOT NULL,
    action      TEXT NOT NULL,
    data        TEXT NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL,
    due_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_delivery_by_due ON webhook_delivery (due_at, id);
CREATE INDEX webhook_delivery_by_webhook ON webhook_delivery (webhook_id);
