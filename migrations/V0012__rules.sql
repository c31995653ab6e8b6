-- Rules that tell users of what happens, what they told, and what is owed to whom.

CREATE TABLE rule (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    uid           TEXT NOT NULL UNIQUE,
    user_id       INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    -- What it tells of, such as `job.failed job.lost`: names of one kind.
    occasions     TEXT NOT NULL,
    -- Only in this queue; of this task, name or key, where a * stands for anything; in this
    -- experiment; of this job or run.
    queue         TEXT,
    name          TEXT,
    experiment_id INTEGER REFERENCES experiment (id) ON DELETE CASCADE,
    subject       TEXT,
    threshold     REAL,
    desktop       INTEGER NOT NULL,
    webhook       TEXT,
    -- Sealed; signs what the webhook is told.
    secret        BLOB,
    email         TEXT,
    -- It is off after it told once.
    once          INTEGER NOT NULL,
    enabled       INTEGER NOT NULL,
    -- How often it held back, because it had told too much within a minute.
    withheld      INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    rev           INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX rule_by_user ON rule (user_id, id);
CREATE INDEX rule_by_experiment ON rule (experiment_id) WHERE experiment_id IS NOT NULL;

-- Metrics that a rule has told of and that have not come back since.
CREATE TABLE rule_firing (
    run_id  INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    key     INTEGER NOT NULL REFERENCES name (id),
    rule_id INTEGER NOT NULL REFERENCES rule (id) ON DELETE CASCADE,
    since   INTEGER NOT NULL,
    PRIMARY KEY (run_id, key, rule_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX rule_firing_by_rule ON rule_firing (rule_id);

CREATE TABLE notification (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id       INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    rule_id       INTEGER REFERENCES rule (id) ON DELETE SET NULL,
    -- What happened; absent for a test.
    occasion      TEXT,
    -- To which job or run, and in which experiment.
    subject       TEXT,
    experiment_id INTEGER,
    title         TEXT NOT NULL,
    body          TEXT NOT NULL,
    at            INTEGER NOT NULL,
    -- It is in the list of the window, and was seen there.
    desktop       INTEGER NOT NULL,
    read_at       INTEGER,
    -- What became of telling it otherwise: `owed`, `told`, `kept`, or why not; absent where
    -- the rule does not tell so.
    webhook       TEXT,
    email         TEXT
) STRICT;

CREATE INDEX notification_by_user ON notification (user_id, id);
CREATE INDEX notification_by_rule ON notification (rule_id, id) WHERE rule_id IS NOT NULL;
CREATE INDEX notification_unread ON notification (user_id, id) WHERE desktop = 1 AND read_at IS NULL;

-- What is owed to webhooks and, now, to whom rules tell.
CREATE TABLE delivery (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery_id     TEXT NOT NULL UNIQUE,
    webhook_id      INTEGER REFERENCES webhook (id) ON DELETE CASCADE,
    notification_id INTEGER REFERENCES notification (id) ON DELETE CASCADE,
    channel         TEXT NOT NULL CHECK (channel IN ('webhook', 'email')),
    -- The mail in the outbox, once it is written.
    mail_id         INTEGER,
    entity          TEXT NOT NULL,
    action          TEXT NOT NULL,
    data            TEXT NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    created_at      INTEGER NOT NULL,
    due_at          INTEGER NOT NULL,
    CHECK ((webhook_id IS NULL) <> (notification_id IS NULL))
) STRICT;

INSERT INTO delivery (id, delivery_id, webhook_id, channel, entity, action, data, attempts,
    created_at, due_at)
SELECT id, delivery_id, webhook_id, 'webhook', entity, action, data, attempts, created_at, due_at
FROM webhook_delivery;
DROP TABLE webhook_delivery;

CREATE INDEX delivery_by_due ON delivery (due_at, id);
CREATE INDEX delivery_by_webhook ON delivery (webhook_id) WHERE webhook_id IS NOT NULL;
CREATE INDEX delivery_by_notification ON delivery (notification_id)
    WHERE notification_id IS NOT NULL;

-- Mail that a rule asks for is kept in the outbox, too.
CREATE TABLE new_outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL CHECK (kind IN ('new_account', 'recovery', 'test', 'notification')),
    recipient  TEXT NOT NULL,
    subject    TEXT NOT NULL,
    text       TEXT NOT NULL,
    html       TEXT NOT NULL,
    -- `kept`: there is no mail server to give it to.
    state      TEXT NOT NULL CHECK (state IN ('kept', 'sending', 'sent', 'failed')),
    -- The mail server's words.
    error      TEXT,
    created_at INTEGER NOT NULL,
    sent_at    INTEGER
) STRICT;

INSERT INTO new_outbox SELECT * FROM outbox;
DROP TABLE outbox;
ALTER TABLE new_outbox RENAME TO outbox;
