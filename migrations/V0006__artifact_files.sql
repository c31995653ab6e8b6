-- What was stored through the server: how large it is and what it is, so that a file that a
-- power cut left cut is found. What clients put in folders and buckets themselves has no row.
CREATE TABLE artifact_file (
    -- Below `mlflow-artifacts:/`.
    path TEXT NOT NULL PRIMARY KEY,
    size INTEGER NOT NULL,
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    -- Which of two that were stored at one path came last; nanoseconds where clocks allow.
    stamp INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
