-- Traces of GenAI apps and agents: what one request did, span by span, and what people,
-- judges and code think of it. Ids are the client's. Deleting a trace takes all of its
-- rows with it; the change log keeps its id.

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
-- The default order of a search, so that a page is a range read.
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
-- The traces that a run made.
CREATE INDEX trace_metadata_source_run ON trace_metadata (value) WHERE key = 'mlflow.sourceRun';

-- Small columns first: reading them does not touch the pages that a long content spills to.
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

-- Traces linked to a run after the fact; the run that made one stands in its metadata.
CREATE TABLE trace_run (
    trace_id INTEGER NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    run_id   TEXT NOT NULL,
    PRIMARY KEY (trace_id, run_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX trace_run_by_run ON trace_run (run_id);

-- Versions of prompts that a trace used.
CREATE TABLE trace_prompt (
    trace_id INTEGER NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    name     TEXT NOT NULL,
    version  TEXT NOT NULL,
    PRIMARY KEY (trace_id, name, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX trace_prompt_by_version ON trace_prompt (name, version);
