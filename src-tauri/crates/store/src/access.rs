//! Who may see and change what. Reading is decided by a veil: a user who is no superuser
//! reads through a connection on which the tables are shadowed by views of the same names
//! that leave out what they may not see, so that no search, list or lookup can forget to
//! ask. Writing is decided where every change enters the change log (`tx.rs`).

use crate::change::{Kind, Op};
use crate::error::{StoreError, StoreResult};
use crate::tx::View;
use branchline_core::role::{ANY, RoleResource};
use branchline_core::{Error, Permission, Resource};
use rusqlite::functions::FunctionFlags;
use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

/// What one user may do: as they were given it, as their roles say, or by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    user_id: i64,
    default: Permission,
    /// A role of theirs manages everything.
    manages: bool,
    experiments: HashMap<i64, Permission>,
    models: HashMap<i64, Permission>,
    all_experiments: Option<Permission>,
    all_models: Option<Permission>,
    all_prompts: Option<Permission>,
    /// The models that are prompts; known only where a role tells the two apart.
    prompts: HashSet<i64>,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            user_id: 0,
            default: Permission::Nothing,
            manages: false,
            experiments: HashMap::new(),
            models: HashMap::new(),
            all_experiments: None,
            all_models: None,
            all_prompts: None,
            prompts: HashSet::new(),
        }
    }
}

/// Two permissions on one thing: a refusal wins, else the one that allows more.
fn folded(one: Option<Permission>, other: Option<Permission>) -> Option<Permission> {
    match (one, other) {
        (Some(Permission::Nothing), _) | (_, Some(Permission::Nothing)) => {
            Some(Permission::Nothing)
        }
        (one, other) => one.max(other),
    }
}

/// Adds to what is known of a thing.
fn add(known: &mut HashMap<i64, Permission>, row: i64, permission: Permission) {
    let sum = folded(known.get(&row).copied(), Some(permission));
    known.insert(row, sum.unwrap_or(permission));
}

impl Access {
    /// Whose.
    pub fn user_id(&self) -> i64 {
        self.user_id
    }

    /// What they may do where nothing was said.
    pub fn default_permission(&self) -> Permission {
        self.default
    }

    /// What they may do with a thing, by its row.
    pub fn level(&self, resource: Resource, row: i64) -> Permission {
        if self.manages {
            return Permission::Manage;
        }
        match self.given(resource, row) {
            None => self.default,
            Some(Permission::Nothing) => Permission::Nothing,
            // What is given never takes away what everybody has.
            Some(given) => given.max(self.default),
        }
    }

    /// What they were given of a thing or have by their roles; a refusal is nothing.
    pub fn given(&self, resource: Resource, row: i64) -> Option<Permission> {
        let (one, all) = match resource {
            Resource::Experiment => (&self.experiments, self.all_experiments),
            Resource::RegisteredModel if self.prompts.contains(&row) => {
                (&self.models, self.all_prompts)
            }
            Resource::RegisteredModel => (&self.models, self.all_models),
        };
        folded(one.get(&row).copied(), all)
    }

    /// Whether a role of theirs manages everything, the roles too.
    pub fn manages_workspace(&self) -> bool {
        self.manages
    }
}

/// The answer to a user without the right, in MLflow's words.
pub(crate) fn denied() -> Error {
    Error::denied("Permission denied")
        .hint("Ask the thing's owner or an administrator for a permission.")
}

/// What whoever makes a thing of this kind gets all rights to.
pub(crate) fn granted_by_making(kind: Kind) -> Option<Resource> {
    match kind {
        Kind::Experiment => Some(Resource::Experiment),
        Kind::RegisteredModel => Some(Resource::RegisteredModel),
        _ => None,
    }
}

/// What a change needs.
fn needed(op: Op) -> Permission {
    match op {
        Op::Create | Op::Set | Op::Unset => Permission::Edit,
        Op::Delete | Op::Restore | Op::Erase => Permission::Manage,
    }
}

/// The table of a kind that belongs to an experiment.
fn table_in_experiment(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Run | Kind::Metric => Some("run"),
        Kind::LoggedModel => Some("logged_model"),
        Kind::Trace => Some("trace"),
        Kind::Scorer => Some("scorer"),
        _ => None,
    }
}

impl View<'_> {
    /// What a user may do.
    ///
    /// # Errors
    /// The database's.
    pub fn access(&self, user: i64) -> StoreResult<Access> {
        let mut access =
            Access { user_id: user, default: self.default_permission()?, ..Access::default() };
        let mut statement = self.connection.prepare_cached(
            "SELECT resource_type, resource_id, permission FROM permission WHERE user_id = ?1",
        )?;
        let mut rows = statement.query([user])?;
        while let Some(row) = rows.next()? {
            let permission = row.get_ref(2)?.as_str().ok().and_then(Permission::parse);
            let given = match row.get_ref(0)?.as_str() {
                Ok("experiment") => &mut access.experiments,
                _ => &mut access.models,
            };
            given.insert(row.get(1)?, permission.unwrap_or(Permission::Nothing));
        }
        drop(rows);
        self.add_roles(&mut access)?;
        Ok(access)
    }

    /// Adds what a user's roles say.
    fn add_roles(&self, access: &mut Access) -> StoreResult<()> {
        // The tables themselves: the views ask what is being found out here.
        let mut statement = self.connection.prepare_cached(
            "SELECT p.resource_type, p.resource_pattern, p.permission,
                 (SELECT m.id FROM main.registered_model m
                  WHERE m.workspace_id = 1 AND m.name = p.resource_pattern
                    AND (p.resource_type = 'prompt') = EXISTS (
                        SELECT 1 FROM registered_model_tag t
                        WHERE t.registered_model_id = m.id
                          AND t.key = 'mlflow.prompt.is_prompt' AND lower(t.value) = 'true'))
             FROM role_member u JOIN role_permission p ON p.role_id = u.role_id
             WHERE u.user_id = ?1",
        )?;
        let mut rows = statement.query([access.user_id])?;
        while let Some(row) = rows.next()? {
            let (kind, pattern) = (row.get_ref(0)?.as_str(), row.get_ref(1)?.as_str());
            let (Ok(kind), Ok(pattern)) = (kind, pattern) else { continue };
            let permission = row.get_ref(2)?.as_str().ok().and_then(Permission::parse);
            let permission = permission.unwrap_or(Permission::Nothing);
            match (RoleResource::parse(kind), pattern) {
                (Some(RoleResource::Workspace), _) => {
                    access.manages |= permission == Permission::Manage;
                }
                (Some(RoleResource::Experiment), ANY) => {
                    access.all_experiments = folded(access.all_experiments, Some(permission));
                }
                (Some(RoleResource::RegisteredModel), ANY) => {
                    access.all_models = folded(access.all_models, Some(permission));
                }
                (Some(RoleResource::Prompt), ANY) => {
                    access.all_prompts = folded(access.all_prompts, Some(permission));
                }
                (Some(RoleResource::Experiment), number) => {
                    if let Ok(number) = number.parse() {
                        add(&mut access.experiments, number, permission);
                    }
                }
                (Some(RoleResource::RegisteredModel | RoleResource::Prompt), _) => {
                    if let Some(model) = row.get(3)? {
                        add(&mut access.models, model, permission);
                    }
                }
                (None, _) => {}
            }
        }
        drop(rows);
        // Where both are treated alike, nobody needs to know which is which.
        if access.all_models != access.all_prompts {
            access.prompts = self.prompts()?;
        }
        Ok(())
    }

    fn prompts(&self) -> StoreResult<HashSet<i64>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT registered_model_id FROM registered_model_tag
             WHERE key = 'mlflow.prompt.is_prompt' AND lower(value) = 'true'",
        )?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// What every user may do with what they were given nothing of.
    ///
    /// # Errors
    /// The database's.
    pub fn default_permission(&self) -> StoreResult<Permission> {
        let text: Option<String> = self
            .connection
            .prepare_cached("SELECT value FROM meta WHERE key = 'default_permission'")?
            .query_row([], |row| row.get(0))
            .optional()?;
        // As MLflow's server is set up.
        Ok(text.and_then(|text| Permission::parse(&text)).unwrap_or(Permission::Read))
    }

    /// Whether a change is allowed.
    pub(crate) fn allows(
        &self,
        access: &Access,
        kind: Kind,
        row: i64,
        op: Op,
    ) -> StoreResult<bool> {
        let need = needed(op);
        let experiment = |id| access.level(Resource::Experiment, id) >= need;
        let model = |id| access.level(Resource::RegisteredModel, id) >= need;
        match kind {
            // The use cases of accounts, jobs, schedules and rules ask for themselves.
            Kind::User | Kind::Job | Kind::Schedule | Kind::Rule | Kind::Notification => Ok(true),
            Kind::Webhook | Kind::Project | Kind::Sweep => Ok(false),
            Kind::Experiment => Ok(experiment(row)),
            Kind::RegisteredModel => Ok(model(row)),
            Kind::ModelVersion => {
                Ok(self.parent("model_version", "registered_model_id", row)?.is_some_and(model))
            }
            Kind::EvaluationDataset => self.allows_dataset(access, row, op),
            Kind::Run | Kind::Metric | Kind::LoggedModel | Kind::Trace | Kind::Scorer => {
                let table = table_in_experiment(kind).unwrap_or("run");
                Ok(self.parent(table, "experiment_id", row)?.is_some_and(experiment))
            }
        }
    }

    fn parent(&self, table: &str, column: &str, row: i64) -> StoreResult<Option<i64>> {
        Ok(self
            .connection
            .prepare_cached(&format!("SELECT {column} FROM {table} WHERE id = ?1"))?
            .query_row([row], |row| row.get(0))
            .optional()?)
    }

    /// A dataset for evaluation may be in several experiments, or in none: then it is its
    /// maker's.
    fn allows_dataset(&self, access: &Access, row: i64, op: Op) -> StoreResult<bool> {
        let made_by: Option<i64> = self
            .connection
            .prepare_cached("SELECT created_by FROM evaluation_dataset WHERE id = ?1")?
            .query_row([row], |row| row.get(0))
            .optional()?
            .flatten();
        let mine = made_by == Some(access.user_id);
        let experiments = self.experiments_of_dataset(row)?;
        // Whoever made it may delete it where they may change things.
        let need = if mine { Permission::Edit } else { needed(op) };
        Ok((mine || !experiments.is_empty())
            && experiments.iter().all(|id| access.level(Resource::Experiment, *id) >= need))
    }

    fn experiments_of_dataset(&self, row: i64) -> StoreResult<Vec<i64>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT experiment_id FROM evaluation_dataset_experiment
             WHERE evaluation_dataset_id = ?1",
        )?;
        let experiments = statement.query_map([row], |row| row.get(0))?;
        Ok(experiments.collect::<rusqlite::Result<_>>()?)
    }

    /// Denies what is in an experiment or a registered model that the one whom this write is
    /// made for may not see.
    pub(crate) fn seen(&self, resource: Resource, row: i64) -> StoreResult<()> {
        match &self.seen_by {
            Some(access) if access.level(resource, row) < Permission::Read => Err(denied().into()),
            _ => Ok(()),
        }
    }

    /// The same for a dataset for evaluation; as its view says it.
    pub(crate) fn seen_dataset(&self, row: i64) -> StoreResult<()> {
        let Some(access) = &self.seen_by else { return Ok(()) };
        let experiments = self.experiments_of_dataset(row)?;
        let hidden = match experiments.is_empty() {
            true => {
                access.default < Permission::Read && !self.allows_dataset(access, row, Op::Set)?
            }
            false => experiments
                .iter()
                .any(|id| access.level(Resource::Experiment, *id) < Permission::Read),
        };
        if hidden { Err(denied().into()) } else { Ok(()) }
    }

    /// The error for a thing that was not found: that it may not be seen, where the veil
    /// hides it.
    pub(crate) fn absent(
        &self,
        table: &str,
        column: &str,
        key: impl ToSql,
        missing: Error,
    ) -> StoreError {
        if !self.veiled {
            return missing.into();
        }
        let sql = format!("SELECT 1 FROM main.{table} WHERE {column} = ?1");
        let there = self
            .connection
            .prepare_cached(&sql)
            .and_then(|mut statement| statement.query_row([key], |_| Ok(())).optional());
        match there {
            Ok(Some(())) => denied().into(),
            Ok(None) => missing.into(),
            Err(error) => error.into(),
        }
    }
}

/// What a reader's views ask.
#[derive(Debug, Clone, Default)]
pub(crate) struct Veil(Arc<RwLock<Access>>);

/// Views in the place of tables. `metric`, `param`, `span` and the like are reached through
/// the rows of these only.
const VIEWS: [(&str, &str); 10] = [
    ("experiment", "may_see_experiment(id)"),
    ("run", "may_see_experiment(experiment_id)"),
    ("latest_metric", "may_see_experiment(experiment_id)"),
    ("dataset", "may_see_experiment(experiment_id)"),
    ("logged_model", "may_see_experiment(experiment_id)"),
    ("trace", "may_see_experiment(experiment_id)"),
    ("scorer", "may_see_experiment(experiment_id)"),
    ("registered_model", "may_see_model(id)"),
    ("model_version", "may_see_model(registered_model_id)"),
    (
        "evaluation_dataset",
        "NOT EXISTS (
             SELECT 1 FROM main.evaluation_dataset_experiment x
             WHERE x.evaluation_dataset_id = evaluation_dataset.id
               AND NOT may_see_experiment(x.experiment_id))
         AND (created_by = viewer() OR sees_by_default() OR EXISTS (
             SELECT 1 FROM main.evaluation_dataset_experiment x
             WHERE x.evaluation_dataset_id = evaluation_dataset.id))",
    ),
];

impl Veil {
    /// Shadows the tables of a connection; before it is told to write nothing.
    pub(crate) fn hang(&self, connection: &Connection) -> rusqlite::Result<()> {
        // Not deterministic: the viewer changes between statements.
        let flags = FunctionFlags::SQLITE_UTF8;
        for (name, resource) in [
            ("may_see_experiment", Resource::Experiment),
            ("may_see_model", Resource::RegisteredModel),
        ] {
            let access = Arc::clone(&self.0);
            connection.create_scalar_function(name, 1, flags, move |call| {
                let access = access.read().unwrap_or_else(PoisonError::into_inner);
                Ok(access.level(resource, call.get(0)?) >= Permission::Read)
            })?;
        }
        let access = Arc::clone(&self.0);
        connection.create_scalar_function("viewer", 0, flags, move |_| {
            Ok(access.read().unwrap_or_else(PoisonError::into_inner).user_id)
        })?;
        let access = Arc::clone(&self.0);
        connection.create_scalar_function("sees_by_default", 0, flags, move |_| {
            let access = access.read().unwrap_or_else(PoisonError::into_inner);
            Ok(access.default >= Permission::Read)
        })?;
        for (table, seen) in VIEWS {
            connection.execute_batch(&format!(
                "CREATE TEMP VIEW {table} AS SELECT * FROM main.{table} AS {table} WHERE {seen};"
            ))?;
        }
        Ok(())
    }

    /// From now on the connection is read by this user.
    pub(crate) fn lower(&self, access: Access) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = access;
    }
}
