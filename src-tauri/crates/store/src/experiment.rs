//! Experiments and their tags.

use crate::change::{Kind, Op};
use crate::error::StoreResult;
use crate::query::{self, SearchPage, Select, Sql, Term};
use crate::tx::{View, WriteTx};
use branchline_core::event::EventKind;
use branchline_core::search::{Condition, ExperimentField, Expr, Literal, Op as Compare, Order};
use branchline_core::{Actor, Error, Experiment, ExperimentId, Lifecycle, Resource, Tag, ViewType};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, params};

/// What a write needs to know of an experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExperimentRow {
    /// MLflow's number, also the row.
    pub id: ExperimentId,
    /// Where its runs keep artifacts.
    pub artifact_location: String,
    /// In the trash.
    pub deleted: bool,
}

/// An experiment to be made.
#[derive(Debug, Clone)]
pub struct NewExperimentRow<'a> {
    /// Set for the first one, which is 0.
    pub id: Option<i64>,
    /// Unique, deleted ones included.
    pub name: &'a str,
    /// `None`: `<root>/<id>`.
    pub artifact_location: Option<&'a str>,
    /// Under which the default location lies.
    pub artifact_root: &'a str,
    /// Sorted or not.
    pub tags: &'a [Tag],
}

/// An experiment with what a list shows of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ExperimentOverview {
    /// The experiment.
    pub experiment: Experiment,
    /// Active runs.
    pub run_count: i64,
    /// Active runs that have not ended.
    pub running_count: i64,
    /// Start of the newest run, milliseconds UTC.
    pub last_activity: Option<i64>,
}

/// Keys that exist in an experiment's runs, each sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExperimentKeys {
    /// Of metrics.
    pub metrics: Vec<String>,
    /// Of params.
    pub params: Vec<String>,
    /// Of tags.
    pub tags: Vec<String>,
}

const COLUMNS: &str =
    "e.id, e.uid, e.name, e.artifact_location, e.deleted, e.created_at, e.updated_at, e.rev";

fn read(row: &Row<'_>) -> rusqlite::Result<Experiment> {
    Ok(Experiment {
        id: ExperimentId(row.get(0)?),
        uid: row.get(1)?,
        name: row.get(2)?,
        artifact_location: row.get(3)?,
        lifecycle: lifecycle(row.get(4)?),
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
        rev: row.get(7)?,
        tags: Vec::new(),
    })
}

pub(crate) fn lifecycle(deleted: bool) -> Lifecycle {
    if deleted { Lifecycle::Deleted } else { Lifecycle::Active }
}

/// The lifecycle part of a filter on `column`.
pub(crate) fn in_view(column: &str, view: ViewType) -> Sql {
    Sql::new(match view {
        ViewType::ActiveOnly => format!("{column} = 0"),
        ViewType::DeletedOnly => format!("{column} = 1"),
        ViewType::All => "1".into(),
    })
}

impl View<'_> {
    /// An experiment by number.
    ///
    /// # Errors
    /// There is none.
    pub fn experiment(&self, id: ExperimentId) -> StoreResult<Experiment> {
        self.one_experiment(&format!("SELECT {COLUMNS} FROM experiment e WHERE id = ?1"), id.0)?
            .ok_or_else(|| self.absent("experiment", "id", id.0, missing(id)))
    }

    /// An experiment by name, deleted ones included.
    ///
    /// # Errors
    /// There is none.
    pub fn experiment_by_name(&self, name: &str) -> StoreResult<Experiment> {
        let sql =
            format!("SELECT {COLUMNS} FROM experiment e WHERE workspace_id = 1 AND name = ?1");
        self.one_experiment(&sql, name)?.ok_or_else(|| {
            let error = Error::not_found(format!("Could not find experiment with name '{name}'"));
            self.absent("experiment", "name", name, error)
        })
    }

    fn one_experiment(
        &self,
        sql: &str,
        key: impl rusqlite::ToSql,
    ) -> StoreResult<Option<Experiment>> {
        let found = self.connection.prepare_cached(sql)?.query_row([key], read).optional()?;
        found.map(|e| self.with_experiment_tags(e)).transpose()
    }

    fn with_experiment_tags(&self, mut experiment: Experiment) -> StoreResult<Experiment> {
        experiment.tags = self.text_tags(
            "SELECT key, value FROM experiment_tag WHERE experiment_id = ?1 ORDER BY key",
            experiment.id.0,
        )?;
        Ok(experiment)
    }

    pub(crate) fn text_tags(&self, sql: &str, owner: i64) -> StoreResult<Vec<Tag>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let tags = statement
            .query_map([owner], |row| Ok(Tag { key: row.get(0)?, value: row.get(1)? }))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(tags)
    }

    /// What a write needs to know.
    ///
    /// # Errors
    /// There is no such experiment.
    pub fn experiment_row(&self, id: ExperimentId) -> StoreResult<ExperimentRow> {
        let found = self
            .connection
            .prepare_cached("SELECT artifact_location, deleted FROM experiment WHERE id = ?1")?
            .query_row([id.0], |row| {
                Ok(ExperimentRow { id, artifact_location: row.get(0)?, deleted: row.get(1)? })
            })
            .optional()?
            .ok_or_else(|| self.absent("experiment", "id", id.0, missing(id)))?;
        self.seen(Resource::Experiment, id.0)?;
        Ok(found)
    }

    /// How many experiments there are, deleted ones included.
    ///
    /// # Errors
    /// The database's.
    pub fn experiment_count(&self) -> StoreResult<i64> {
        Ok(self.connection.query_row("SELECT count(*) FROM experiment", [], |row| row.get(0))?)
    }

    /// One page of experiments.
    ///
    /// # Errors
    /// A page token that does not belong to this search.
    pub fn search_experiments(
        &self,
        filter: Option<&Expr<ExperimentField>>,
        order: &[Order<ExperimentField>],
        view: ViewType,
        max_results: usize,
        token: Option<&str>,
    ) -> StoreResult<SearchPage<Experiment>> {
        let mut parts = vec![Sql::new("e.workspace_id = 1"), in_view("e.deleted", view)];
        if let Some(filter) = filter {
            parts.push(query::compile(filter, &mut |c| Ok(condition(c)))?);
        }
        let select = Select {
            columns: COLUMNS,
            source: Sql::new("experiment e"),
            filter: parts,
            terms: terms(order),
        };
        let question = query::fingerprint(&format!("{filter:?}{order:?}{view:?}"));
        let page = self.page(&[select], question, token, max_results, &read)?;
        let items = page.items.into_iter().map(|e| self.with_experiment_tags(e));
        Ok(SearchPage {
            items: items.collect::<StoreResult<_>>()?,
            next_page_token: page.next_page_token,
        })
    }

    /// What a list shows beside an experiment.
    ///
    /// # Errors
    /// The database's.
    pub fn experiment_overview(&self, experiment: Experiment) -> StoreResult<ExperimentOverview> {
        let (run_count, running_count, last_activity) = self
            .connection
            .prepare_cached(
                "SELECT (SELECT count(*) FROM run WHERE experiment_id = ?1 AND deleted = 0),
                        (SELECT count(*) FROM run
                         WHERE experiment_id = ?1 AND status = 1 AND deleted = 0),
                        (SELECT start_time FROM run WHERE experiment_id = ?1 AND deleted = 0
                         ORDER BY start_time DESC LIMIT 1)",
            )?
            .query_row([experiment.id.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(ExperimentOverview { experiment, run_count, running_count, last_activity })
    }

    /// Keys that the experiment's runs use.
    ///
    /// # Errors
    /// The database's.
    pub fn experiment_keys(&self, id: ExperimentId) -> StoreResult<ExperimentKeys> {
        let keys = |sql: &str| -> StoreResult<Vec<String>> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let keys = statement.query_map([id.0], |row| row.get(0))?;
            Ok(keys.collect::<rusqlite::Result<_>>()?)
        };
        let of = |table: &str| {
            keys(&format!(
                "SELECT text FROM name WHERE id IN
                     (SELECT t.key FROM run r JOIN {table} t ON t.run_id = r.id
                      WHERE r.experiment_id = ?1)
                 ORDER BY text"
            ))
        };
        Ok(ExperimentKeys { metrics: of("latest_metric")?, params: of("param")?, tags: of("tag")? })
    }

    /// Keys that the newest thousand runs of all experiments use.
    ///
    /// # Errors
    /// The database's.
    pub fn recent_keys(&self) -> StoreResult<ExperimentKeys> {
        let of = |table: &str| -> StoreResult<Vec<String>> {
            let mut statement = self.connection.prepare_cached(&format!(
                "SELECT text FROM name WHERE id IN
                     (SELECT key FROM {table} WHERE run_id IN
                          (SELECT id FROM run WHERE deleted = 0 ORDER BY start_time DESC LIMIT 1000))
                 ORDER BY text"
            ))?;
            let keys = statement.query_map([], |row| row.get(0))?;
            Ok(keys.collect::<rusqlite::Result<_>>()?)
        };
        Ok(ExperimentKeys { metrics: of("latest_metric")?, params: of("param")?, tags: of("tag")? })
    }
}

fn missing(id: ExperimentId) -> Error {
    Error::not_found(format!("No Experiment with id={id} exists"))
}

fn column(field: &ExperimentField) -> String {
    match field {
        ExperimentField::Name => "e.name".into(),
        ExperimentField::ExperimentId => "e.id".into(),
        ExperimentField::CreationTime => "e.created_at".into(),
        ExperimentField::LastUpdateTime => "e.updated_at".into(),
        ExperimentField::Tag(_) => "t.value".into(),
    }
}

fn condition(condition: &Condition<ExperimentField>) -> Sql {
    match &condition.field {
        ExperimentField::Tag(key) => {
            text_tag("experiment_tag", "experiment_id", "e.id", key, condition)
        }
        ExperimentField::ExperimentId => {
            // Numbers inside, text outside.
            query::compare("CAST(e.id AS TEXT)", condition.op, &as_text(&condition.value))
        }
        field => query::compare(&column(field), condition.op, &condition.value),
    }
}

pub(crate) fn as_text(literal: &Literal) -> Literal {
    match literal {
        Literal::Integer(n) => Literal::Text(n.to_string()),
        Literal::Number(x) => Literal::Text(x.to_string()),
        other => other.clone(),
    }
}

/// A condition on a tag of an entity whose tags have text keys.
pub(crate) fn text_tag<F>(
    table: &str,
    owner: &str,
    id: &str,
    key: &str,
    condition: &Condition<F>,
) -> Sql {
    let key = Value::Text(key.to_owned());
    let exists = format!("EXISTS (SELECT 1 FROM {table} t WHERE t.{owner} = {id} AND t.key = ?");
    match condition.op {
        Compare::IsNull => Sql::with(format!("NOT {exists})"), [key]),
        Compare::IsNotNull => Sql::with(format!("{exists})"), [key]),
        op => {
            let mut sql = Sql::with(format!("{exists} AND "), [key]);
            sql.push(query::compare("t.value", op, &condition.value));
            sql.push_str(")");
            sql
        }
    }
}

fn terms(order: &[Order<ExperimentField>]) -> Vec<Term> {
    if order.is_empty() {
        return vec![Term::new("e.created_at", true), Term::new("e.id", false)];
    }
    let mut terms: Vec<Term> =
        order.iter().map(|o| Term::new(column(&o.field), !o.ascending)).collect();
    terms.push(Term::new("e.id", true));
    terms
}

impl WriteTx<'_> {
    /// Makes an experiment.
    ///
    /// # Errors
    /// The name is taken.
    pub fn insert_experiment(
        &mut self,
        actor: &Actor,
        new: &NewExperimentRow<'_>,
    ) -> StoreResult<ExperimentId> {
        self.check_experiment_name_free(new.name, None)?;
        if let Some(location) = new.artifact_location {
            self.check_location(actor, location)?;
        }
        self.connection
            .prepare_cached(
                "INSERT INTO experiment (id, uid, name, artifact_location, created_at, updated_at, created_by)
                 VALUES (?1, ?2, ?3, '', ?4, ?4, ?5)",
            )?
            .execute(params![new.id, branchline_core::new_uid(), new.name, self.now(), owner(actor)])?;
        let id = self.connection.last_insert_rowid();
        let location = new.artifact_location.map_or_else(
            || format!("{}/{id}", new.artifact_root.trim_end_matches('/')),
            str::to_owned,
        );
        self.connection
            .prepare_cached("UPDATE experiment SET artifact_location = ?2 WHERE id = ?1")?
            .execute(params![id, location])?;
        for tag in new.tags {
            self.put_experiment_tag(id, tag)?;
        }
        self.experiment_changed(actor, ExperimentId(id), None, Op::Create)?;
        Ok(ExperimentId(id))
    }

    /// Files follow the experiments in whose locations they lie. Who may not change one puts
    /// no other over it, nor into it: that would close its files to the people who may read
    /// them.
    fn check_location(&mut self, actor: &Actor, location: &str) -> StoreResult<()> {
        if actor.is_superuser {
            return Ok(());
        }
        for other in self.experiments_at(location)? {
            self.permit(actor, Kind::Experiment, other, Op::Set)?;
        }
        Ok(())
    }

    fn check_experiment_name_free(&self, name: &str, except: Option<i64>) -> StoreResult<()> {
        let holder: Option<(i64, bool)> = self
            .connection
            .prepare_cached(
                "SELECT id, deleted FROM experiment WHERE workspace_id = 1 AND name = ?1",
            )?
            .query_row([name], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        match holder.filter(|(id, _)| Some(*id) != except) {
            None => Ok(()),
            Some((id, deleted)) => Err(name_taken(name, id, deleted).into()),
        }
    }

    fn put_experiment_tag(&self, id: i64, tag: &Tag) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO experiment_tag (experiment_id, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET value = excluded.value",
            )?
            .execute(params![id, tag.key, tag.value])?;
        Ok(())
    }

    /// Records a change of an experiment and moves its `rev` and update time.
    fn experiment_changed(
        &mut self,
        actor: &Actor,
        id: ExperimentId,
        field: Option<&str>,
        op: Op,
    ) -> StoreResult<()> {
        let seq = self.record(actor, Kind::Experiment, id.0, field, op)?;
        self.connection
            .prepare_cached("UPDATE experiment SET rev = ?2, updated_at = ?3 WHERE id = ?1")?
            .execute(params![id.0, seq, self.now()])?;
        self.notify(seq, EventKind::Experiment(id));
        Ok(())
    }

    /// Gives an experiment another name.
    ///
    /// # Errors
    /// The name is taken.
    pub fn rename_experiment(
        &mut self,
        actor: &Actor,
        id: ExperimentId,
        name: &str,
    ) -> StoreResult<()> {
        self.check_experiment_name_free(name, Some(id.0))?;
        self.connection
            .prepare_cached("UPDATE experiment SET name = ?2 WHERE id = ?1")?
            .execute(params![id.0, name])?;
        self.experiment_changed(actor, id, Some("name"), Op::Set)
    }

    /// Sets a tag.
    ///
    /// # Errors
    /// The database's.
    pub fn set_experiment_tag(
        &mut self,
        actor: &Actor,
        id: ExperimentId,
        tag: &Tag,
    ) -> StoreResult<()> {
        self.put_experiment_tag(id.0, tag)?;
        self.experiment_changed(actor, id, Some(&tag.key), Op::Set)
    }

    /// Removes a tag; answers whether it was there.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_experiment_tag(
        &mut self,
        actor: &Actor,
        id: ExperimentId,
        key: &str,
    ) -> StoreResult<bool> {
        let gone = self
            .connection
            .prepare_cached("DELETE FROM experiment_tag WHERE experiment_id = ?1 AND key = ?2")?
            .execute(params![id.0, key])?;
        if gone > 0 {
            self.experiment_changed(actor, id, Some(key), Op::Unset)?;
        }
        Ok(gone > 0)
    }

    /// Moves an experiment with its runs to the trash, or back. As in MLflow a restore
    /// brings back all of its runs.
    ///
    /// # Errors
    /// The database's.
    pub fn set_experiment_deleted(
        &mut self,
        actor: &Actor,
        id: ExperimentId,
        deleted: bool,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached("UPDATE experiment SET deleted = ?2, deleted_at = ?3 WHERE id = ?1")?
            .execute(params![id.0, deleted, deleted.then_some(self.now())])?;
        let deleted_at = deleted.then_some(self.now());
        self.connection
            .prepare_cached(
                "UPDATE run SET deleted = ?2, deleted_at = ?3 WHERE experiment_id = ?1 AND deleted <> ?2",
            )?
            .execute(params![id.0, deleted, deleted_at])?;
        self.experiment_changed(actor, id, None, if deleted { Op::Delete } else { Op::Restore })
    }
}

fn name_taken(name: &str, id: i64, deleted: bool) -> Error {
    if deleted {
        return Error::already_exists(format!(
            "Experiment(name={name}) already exists, in the deleted state with id {id}."
        ))
        .hint("Restore it, or choose another name: names of deleted experiments stay taken.");
    }
    Error::already_exists(format!("Experiment(name={name}) already exists with id {id}."))
        .hint("Choose another name, or use the experiment that is there.")
}

/// The user row to note as maker; none for what the app makes itself.
pub(crate) fn owner(actor: &Actor) -> Option<i64> {
    (actor.user_id > 0).then_some(actor.user_id)
}
