-- The change log counts by itself: the newest row is never trimmed, and a row that takes over
-- another's range is there before that one goes, so the next number is always the newest
-- row's and one. AUTOINCREMENT would write one page more with each commit.
CREATE TABLE change_log (
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

INSERT INTO change_log SELECT * FROM change;

-- Where the newest rows were trimmed before, one of no kind holds the count.
INSERT INTO change_log (seq, kind, entity, op, hlc)
SELECT seq, 0, 0, 2, 0 FROM sqlite_sequence
WHERE name = 'change' AND seq > (SELECT coalesce(max(seq), 0) FROM change);

DROP TABLE change;
ALTER TABLE change_log RENAME TO change;
