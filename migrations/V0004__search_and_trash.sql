-- Finding by text, deleting for good, and searching across many experiments.

-- Parts of names, and of names, tags, params and notes, as trigrams: an index without the
-- text itself and without positions. A hit is a candidate that is checked against the rows.
-- The number of a document is its kind (1 run, 2 experiment, 3 registered model) times
-- 2^48, plus the row.
CREATE VIRTUAL TABLE search_name USING fts5 (
    name, content = '', contentless_delete = 1, tokenize = 'trigram', detail = none
);
CREATE VIRTUAL TABLE search_text USING fts5 (
    body, content = '', contentless_delete = 1, tokenize = 'trigram', detail = none
);

-- How far the change log has been taken into the index. `built` is the last document of a
-- pass over everything; NULL once that is through.
CREATE TABLE search_state (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    seq   INTEGER NOT NULL,
    built INTEGER
) STRICT;
INSERT INTO search_state (id, seq, built)
VALUES (1, coalesce((SELECT max(seq) FROM change), 0), 0);

-- Since when a thing is in the trash.
ALTER TABLE experiment ADD COLUMN deleted_at INTEGER;
UPDATE experiment SET deleted_at = updated_at WHERE deleted = 1;
ALTER TABLE logged_model ADD COLUMN deleted_at INTEGER;
UPDATE logged_model SET deleted_at = updated_at WHERE deleted = 1;
UPDATE run SET deleted_at = coalesce(end_time, start_time) WHERE deleted = 1 AND deleted_at IS NULL;

CREATE INDEX run_trash ON run (deleted_at) WHERE deleted = 1;
CREATE INDEX logged_model_trash ON logged_model (deleted_at) WHERE deleted = 1;
CREATE INDEX model_version_by_model ON model_version (model_id) WHERE model_id IS NOT NULL;
-- A dataset that goes takes its links along.
CREATE INDEX run_dataset_by_dataset ON run_dataset (dataset_id);

-- What is left of things that are gone: points of a run's row, or files under a location.
-- Written with the deletion, taken away when it is done, so that a crash forgets nothing.
CREATE TABLE leftover (
    id           INTEGER PRIMARY KEY,
    run_row      INTEGER,
    artifact_uri TEXT,
    since        INTEGER NOT NULL,
    CHECK ((run_row IS NULL) <> (artifact_uri IS NULL))
) STRICT;

-- The newest runs of many experiments.
CREATE INDEX run_recent ON run (deleted, start_time DESC, run_id, experiment_id);
