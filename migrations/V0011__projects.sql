-- Projects: folders whose code runs as jobs; sweeps over what their tasks take; what a job
-- may hold of the machine.

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

ALTER TABLE job ADD COLUMN project_id INTEGER REFERENCES project (id) ON DELETE SET NULL;
-- Slots of graphics processors that it needs.
ALTER TABLE job ADD COLUMN gpus INTEGER NOT NULL DEFAULT 0;
-- Bytes that it and what it starts may hold together.
ALTER TABLE job ADD COLUMN memory_limit INTEGER;
-- The slots that an attempt was given, a JSON array.
ALTER TABLE attempt ADD COLUMN gpu_slots TEXT;

CREATE INDEX job_by_project ON job (project_id) WHERE project_id IS NOT NULL;
-- The first job of a queue is looked for among those that need as many slots as are free.
DROP INDEX job_ready;
CREATE INDEX job_on_gpu ON job (id) WHERE lane = 3 AND gpus > 0;
CREATE INDEX job_ready ON job (queue_id, gpus, rank, id) WHERE lane = 2;
