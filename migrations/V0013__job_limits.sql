-- Limits that are set on tasks and queues as a whole; and what is looked for when the oldest
-- jobs are forgotten.

-- How long jobs of a task may take that do not say so themselves, milliseconds.
CREATE TABLE job_limit (
    name       TEXT NOT NULL PRIMARY KEY,
    soft_limit INTEGER CHECK (soft_limit > 0),
    hard_limit INTEGER CHECK (hard_limit > 0)
) STRICT, WITHOUT ROWID;

-- A queue that follows the machine runs at least so many of its jobs at a time, and at most
-- `concurrency`.
ALTER TABLE queue ADD COLUMN least INTEGER CHECK (least BETWEEN 1 AND 256);

-- Graphs that go on.
CREATE INDEX job_graph_alive ON job (root_id) WHERE lane <> 0 AND root_id IS NOT NULL;
