-- Schedules: jobs that are queued by themselves, and each time that was due.

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

-- A time fires once, whatever happens to the process or to the clock.
CREATE UNIQUE INDEX schedule_fire_once ON schedule_fire (schedule_id, fire_at)
    WHERE by_hand = 0 AND outcome <> 'missed';
CREATE INDEX schedule_fire_recent ON schedule_fire (schedule_id, id);
CREATE INDEX schedule_fire_by_job ON schedule_fire (task_id) WHERE task_id IS NOT NULL;

-- Ended jobs by time: what happened lately, and which are the oldest.
CREATE INDEX job_ended ON job (ended_at) WHERE lane = 0;
