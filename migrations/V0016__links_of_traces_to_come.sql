-- Links of traces to runs that were made before their trace came: clients export traces in the
-- background. They become the trace's when the same user's trace comes.
CREATE TABLE trace_link (
    trace_id   TEXT NOT NULL,
    run_id     TEXT NOT NULL,
    created_by INTEGER REFERENCES user (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (trace_id, run_id)
) STRICT, WITHOUT ROWID;
