-- Permissions under a name, given to many at once, as MLflow 3.17 has them.

CREATE TABLE role (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace_id INTEGER NOT NULL REFERENCES workspace (id),
    name         TEXT NOT NULL,
    description  TEXT,
    created_at   INTEGER NOT NULL,
    UNIQUE (workspace_id, name)
) STRICT;

-- A pattern is an experiment's number, a model's name, or `*` for everything of its kind. It may
-- speak of what is not there (yet), and says the same of the next thing of that name.
CREATE TABLE role_permission (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    role_id          INTEGER NOT NULL REFERENCES role (id) ON DELETE CASCADE,
    resource_type    TEXT NOT NULL CHECK (resource_type IN ('workspace', 'experiment', 'registered_model', 'prompt')),
    resource_pattern TEXT NOT NULL,
    permission       TEXT NOT NULL CHECK (permission IN ('READ', 'USE', 'EDIT', 'MANAGE', 'DENY')),
    UNIQUE (role_id, resource_type, resource_pattern)
) STRICT;

CREATE TABLE role_member (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    role_id INTEGER NOT NULL REFERENCES role (id) ON DELETE CASCADE,
    UNIQUE (user_id, role_id)
) STRICT;
CREATE INDEX role_member_by_role ON role_member (role_id);
