-- Several people: what ends their credentials, what slows down guessing, their notes, and
-- the mail that was written to them.

-- Signed tokens carry the epoch that they were made in; a new password, other rights or a
-- deactivation begin another.
ALTER TABLE user ADD COLUMN token_epoch INTEGER NOT NULL DEFAULT 1;

-- A browser's cookie, or a signed token that names the session.
ALTER TABLE session ADD COLUMN kind TEXT NOT NULL DEFAULT 'browser' CHECK (kind IN ('browser', 'api'));
ALTER TABLE session ADD COLUMN agent TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN last_used_at INTEGER;

-- Failed sign-ins by account; kept, so that starting again does not forgive them.
CREATE TABLE sign_in_failure (
    account TEXT NOT NULL PRIMARY KEY,
    count   INTEGER NOT NULL,
    last_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was given of a thing goes with it.
CREATE TRIGGER permission_of_experiment AFTER DELETE ON experiment BEGIN
    DELETE FROM permission WHERE resource_type = 'experiment' AND resource_id = old.id;
END;
CREATE TRIGGER permission_of_model AFTER DELETE ON registered_model BEGIN
    DELETE FROM permission WHERE resource_type = 'registered_model' AND resource_id = old.id;
END;
CREATE INDEX permission_by_resource ON permission (resource_type, resource_id);

-- Short notes with an optional link to what they are about.
CREATE TABLE item (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    uid         TEXT NOT NULL UNIQUE,
    owner_id    INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    title       TEXT NOT NULL,
    description TEXT,
    link_kind   TEXT CHECK (link_kind IN ('experiment', 'run', 'registered_model', 'model_version', 'job')),
    link_id     TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    CHECK ((link_kind IS NULL) = (link_id IS NULL))
) STRICT;
CREATE INDEX item_by_owner ON item (owner_id, id);
CREATE INDEX item_by_link ON item (link_kind, link_id) WHERE link_kind IS NOT NULL;

-- Every mail that was written, whether or not a server took it.
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL CHECK (kind IN ('new_account', 'recovery', 'test')),
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
