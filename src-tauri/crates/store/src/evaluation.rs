//! Evaluation datasets, their tags and the experiments that they belong to.

use crate::change::{Kind, Op};
use crate::error::StoreResult;
use crate::experiment::{owner, text_tag};
use crate::query::{self, SearchPage, Select, Sql, Term};
use crate::tx::{View, WriteTx};
use branchline_core::search::{Condition, EvaluationDatasetField, Expr, Order};
use branchline_core::{Actor, Error, EvaluationDataset, EvaluationDatasetId, ExperimentId, Tag};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, params};

/// What a write needs to know of an evaluation dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluationDatasetRow {
    /// The row.
    pub row: i64,
    /// Its id.
    pub id: EvaluationDatasetId,
    /// Its name, which the digest is made of.
    pub name: String,
    /// JSON: which fields the records have.
    pub schema: Option<String>,
}

/// An evaluation dataset to be made.
#[derive(Debug, Clone)]
pub struct NewEvaluationDatasetRow<'a> {
    /// `d-…`.
    pub id: &'a EvaluationDatasetId,
    /// Need not be unique.
    pub name: &'a str,
    /// Of no records yet.
    pub digest: &'a str,
    /// MLflow's free-text user.
    pub user_id: Option<&'a str>,
    /// Sorted or not.
    pub tags: &'a [Tag],
    /// Where it belongs; they exist.
    pub experiments: &'a [ExperimentId],
}

/// What a change of the records changes in their dataset.
#[derive(Debug, Clone)]
pub struct RecordsChanged<'a> {
    /// How many came, or went if negative.
    pub count: i64,
    /// The new digest, unless it stays.
    pub digest: Option<&'a str>,
    /// The new schema, unless it stays.
    pub schema: Option<&'a str>,
    /// Who did it, MLflow's free text, unless nobody is to be noted.
    pub user_id: Option<&'a str>,
}

const COLUMNS: &str = "d.id, d.dataset_id, d.name, d.digest, d.schema, d.record_count, d.user_id,
    d.updated_user_id, d.created_at, d.updated_at";

fn read(row: &Row<'_>) -> rusqlite::Result<(i64, EvaluationDataset)> {
    let dataset = EvaluationDataset {
        dataset_id: EvaluationDatasetId::new(row.get::<_, String>(1)?),
        name: row.get(2)?,
        digest: row.get(3)?,
        schema: row.get(4)?,
        record_count: row.get(5)?,
        user_id: row.get(6)?,
        updated_user_id: row.get(7)?,
        created_at: row.get(8)?,
        updated_at: row.get(9)?,
        tags: Vec::new(),
        experiment_ids: Vec::new(),
    };
    Ok((row.get(0)?, dataset))
}

fn missing(id: &EvaluationDatasetId) -> Error {
    Error::not_found(format!("Evaluation dataset with id '{id}' not found"))
}

impl View<'_> {
    /// What a write needs to know.
    ///
    /// # Errors
    /// There is no such dataset.
    pub fn evaluation_dataset_row(
        &self,
        id: &EvaluationDatasetId,
    ) -> StoreResult<EvaluationDatasetRow> {
        let found = self
            .connection
            .prepare_cached(
                "SELECT id, name, schema FROM evaluation_dataset WHERE dataset_id = ?1",
            )?
            .query_row([id.as_str()], |row| {
                Ok(EvaluationDatasetRow {
                    row: row.get(0)?,
                    id: id.clone(),
                    name: row.get(1)?,
                    schema: row.get(2)?,
                })
            })
            .optional()?
            .ok_or_else(|| {
                self.absent("evaluation_dataset", "dataset_id", id.to_string(), missing(id))
            })?;
        self.seen_dataset(found.row)?;
        Ok(found)
    }

    /// An evaluation dataset, without its experiments.
    ///
    /// # Errors
    /// There is none.
    pub fn evaluation_dataset(&self, id: &EvaluationDatasetId) -> StoreResult<EvaluationDataset> {
        let sql = format!("SELECT {COLUMNS} FROM evaluation_dataset d WHERE d.dataset_id = ?1");
        let (row, dataset) = self
            .connection
            .prepare_cached(&sql)?
            .query_row([id.as_str()], read)
            .optional()?
            .ok_or_else(|| {
                self.absent("evaluation_dataset", "dataset_id", id.to_string(), missing(id))
            })?;
        self.with_evaluation_tags(row, dataset)
    }

    fn with_evaluation_tags(
        &self,
        row: i64,
        mut dataset: EvaluationDataset,
    ) -> StoreResult<EvaluationDataset> {
        dataset.tags = self.text_tags(
            "SELECT key, value FROM evaluation_dataset_tag
             WHERE evaluation_dataset_id = ?1 ORDER BY key",
            row,
        )?;
        Ok(dataset)
    }

    /// The experiments that a dataset belongs to.
    ///
    /// # Errors
    /// There is no such dataset.
    pub fn experiments_of_evaluation_dataset(
        &self,
        id: &EvaluationDatasetId,
    ) -> StoreResult<Vec<ExperimentId>> {
        let dataset = self.evaluation_dataset_row(id)?;
        let mut statement = self.connection.prepare_cached(
            "SELECT experiment_id FROM evaluation_dataset_experiment
             WHERE evaluation_dataset_id = ?1 ORDER BY experiment_id",
        )?;
        let ids = statement.query_map([dataset.row], |row| row.get(0).map(ExperimentId))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }

    /// One page of datasets of some experiments, or of all when `experiments` is empty.
    ///
    /// # Errors
    /// A page token that does not belong to this search.
    pub fn search_evaluation_datasets(
        &self,
        experiments: &[ExperimentId],
        filter: Option<&Expr<EvaluationDatasetField>>,
        order: &[Order<EvaluationDatasetField>],
        max_results: usize,
        token: Option<&str>,
    ) -> StoreResult<SearchPage<EvaluationDataset>> {
        let select = select(experiments, filter, order)?;
        let question =
            query::fingerprint(&format!("evaluation {experiments:?}{filter:?}{order:?}"));
        let page = self.page(&[select], question, token, max_results, &read)?;
        let items = page.items.into_iter().map(|(row, d)| self.with_evaluation_tags(row, d));
        Ok(SearchPage {
            items: items.collect::<StoreResult<_>>()?,
            next_page_token: page.next_page_token,
        })
    }
}

impl View<'_> {
    /// How SQLite would answer a search: one line per step.
    ///
    /// # Errors
    /// The database's.
    pub fn explain_evaluation_datasets(
        &self,
        experiments: &[ExperimentId],
    ) -> StoreResult<Vec<String>> {
        let sql = select(experiments, None, &[])?.statement(None, 100);
        let mut statement = self.connection.prepare(&format!("EXPLAIN QUERY PLAN {}", sql.text))?;
        let rows = statement
            .query_map(rusqlite::params_from_iter(sql.values), |row| row.get::<_, String>(3))?;
        Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
    }
}

fn select(
    experiments: &[ExperimentId],
    filter: Option<&Expr<EvaluationDatasetField>>,
    order: &[Order<EvaluationDatasetField>],
) -> StoreResult<Select> {
    let mut parts = vec![Sql::new("d.workspace_id = 1")];
    if !experiments.is_empty() {
        let marks = vec!["?"; experiments.len()].join(", ");
        parts.push(Sql::with(
            format!(
                "EXISTS (SELECT 1 FROM evaluation_dataset_experiment x
                 WHERE x.evaluation_dataset_id = d.id AND x.experiment_id IN ({marks}))"
            ),
            experiments.iter().map(|id| Value::Integer(id.0)),
        ));
    }
    if let Some(filter) = filter {
        parts.push(query::compile(filter, &mut |c| Ok(condition(c)))?);
    }
    let mut terms: Vec<Term> =
        order.iter().map(|o| Term::new(column(&o.field), !o.ascending)).collect();
    if order.is_empty() {
        terms.push(Term::new("d.created_at", true));
    }
    terms.push(Term::new("d.dataset_id", true));
    Ok(Select { columns: COLUMNS, source: Sql::new("evaluation_dataset d"), filter: parts, terms })
}

/// What is compared; where it is ordered by, a user who is not known comes first.
fn column(field: &EvaluationDatasetField) -> &'static str {
    match field {
        EvaluationDatasetField::Name | EvaluationDatasetField::Tag(_) => "d.name",
        EvaluationDatasetField::CreatedTime => "d.created_at",
        EvaluationDatasetField::LastUpdateTime => "d.updated_at",
        EvaluationDatasetField::CreatedBy => "coalesce(d.user_id, '')",
        EvaluationDatasetField::LastUpdatedBy => "coalesce(d.updated_user_id, '')",
    }
}

fn condition(condition: &Condition<EvaluationDatasetField>) -> Sql {
    let column = match &condition.field {
        EvaluationDatasetField::Tag(key) => {
            let (table, owner) = ("evaluation_dataset_tag", "evaluation_dataset_id");
            return text_tag(table, owner, "d.id", key, condition);
        }
        EvaluationDatasetField::CreatedBy => "d.user_id",
        EvaluationDatasetField::LastUpdatedBy => "d.updated_user_id",
        field => column(field),
    };
    query::compare(column, condition.op, &condition.value)
}

impl WriteTx<'_> {
    /// Makes an evaluation dataset.
    ///
    /// # Errors
    /// The database's.
    pub fn insert_evaluation_dataset(
        &mut self,
        actor: &Actor,
        new: &NewEvaluationDatasetRow<'_>,
    ) -> StoreResult<EvaluationDatasetRow> {
        self.connection
            .prepare_cached(
                "INSERT INTO evaluation_dataset (dataset_id, name, digest, user_id, updated_user_id,
                     created_at, updated_at, created_by)
                 VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?5, ?6)",
            )?
            .execute(params![
                new.id.as_str(),
                new.name,
                new.digest,
                new.user_id,
                self.now(),
                owner(actor)
            ])?;
        let dataset = EvaluationDatasetRow {
            row: self.connection.last_insert_rowid(),
            id: new.id.clone(),
            name: new.name.to_owned(),
            schema: None,
        };
        self.put_evaluation_tags(dataset.row, new.tags)?;
        self.put_evaluation_experiments(dataset.row, new.experiments)?;
        self.evaluation_changed(actor, &dataset, None, Op::Create)?;
        Ok(dataset)
    }

    fn put_evaluation_tags(&self, row: i64, tags: &[Tag]) -> StoreResult<()> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO evaluation_dataset_tag (evaluation_dataset_id, key, value)
             VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = excluded.value",
        )?;
        for tag in tags {
            statement.execute(params![row, tag.key, tag.value])?;
        }
        Ok(())
    }

    fn put_evaluation_experiments(&self, row: i64, ids: &[ExperimentId]) -> StoreResult<()> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO evaluation_dataset_experiment (evaluation_dataset_id, experiment_id)
             VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        )?;
        for id in ids {
            statement.execute([row, id.0])?;
        }
        Ok(())
    }

    /// Records a change of a dataset. The update time moves where MLflow moves it.
    fn evaluation_changed(
        &mut self,
        actor: &Actor,
        dataset: &EvaluationDatasetRow,
        field: Option<&str>,
        op: Op,
    ) -> StoreResult<()> {
        let seq = self.record(actor, Kind::EvaluationDataset, dataset.row, field, op)?;
        self.connection
            .prepare_cached("UPDATE evaluation_dataset SET rev = ?2 WHERE id = ?1")?
            .execute([dataset.row, seq])?;
        Ok(())
    }

    /// Sets tags of a dataset.
    ///
    /// # Errors
    /// The database's.
    pub fn set_evaluation_dataset_tags(
        &mut self,
        actor: &Actor,
        dataset: &EvaluationDatasetRow,
        tags: &[Tag],
    ) -> StoreResult<()> {
        self.put_evaluation_tags(dataset.row, tags)?;
        self.evaluation_changed(actor, dataset, Some("tags"), Op::Set)
    }

    /// Removes a tag of a dataset; missing is fine.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_evaluation_dataset_tag(
        &mut self,
        actor: &Actor,
        dataset: &EvaluationDatasetRow,
        key: &str,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "DELETE FROM evaluation_dataset_tag WHERE evaluation_dataset_id = ?1 AND key = ?2",
            )?
            .execute(params![dataset.row, key])?;
        self.evaluation_changed(actor, dataset, Some(key), Op::Unset)
    }

    /// Adds a dataset to experiments that exist, or takes it out of some.
    ///
    /// # Errors
    /// The database's.
    pub fn set_evaluation_dataset_in(
        &mut self,
        actor: &Actor,
        dataset: &EvaluationDatasetRow,
        experiments: &[ExperimentId],
        belongs: bool,
    ) -> StoreResult<()> {
        // Before it is taken out of an experiment where the actor may not change anything, and
        // again below, after it was put into one.
        self.permit(actor, Kind::EvaluationDataset, dataset.row, Op::Set)?;
        if belongs {
            self.put_evaluation_experiments(dataset.row, experiments)?;
        } else {
            let mut statement = self.connection.prepare_cached(
                "DELETE FROM evaluation_dataset_experiment
                 WHERE evaluation_dataset_id = ?1 AND experiment_id = ?2",
            )?;
            for id in experiments {
                statement.execute([dataset.row, id.0])?;
            }
        }
        self.connection
            .prepare_cached("UPDATE evaluation_dataset SET updated_at = ?2 WHERE id = ?1")?
            .execute([dataset.row, self.now()])?;
        let op = if belongs { Op::Set } else { Op::Unset };
        self.evaluation_changed(actor, dataset, Some("experiments"), op)
    }

    /// Notes in a dataset that its records changed.
    ///
    /// # Errors
    /// The database's.
    pub fn evaluation_records_changed(
        &mut self,
        actor: &Actor,
        dataset: &EvaluationDatasetRow,
        change: &RecordsChanged<'_>,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "UPDATE evaluation_dataset SET record_count = record_count + ?2,
                     digest = coalesce(?3, digest), schema = coalesce(?4, schema) WHERE id = ?1",
            )?
            .execute(params![dataset.row, change.count, change.digest, change.schema])?;
        if change.digest.is_some() {
            self.connection
                .prepare_cached(
                    "UPDATE evaluation_dataset SET updated_at = ?2, updated_user_id = ?3
                     WHERE id = ?1",
                )?
                .execute(params![dataset.row, self.now(), change.user_id])?;
        }
        self.evaluation_changed(actor, dataset, Some("records"), Op::Set)
    }

    /// Removes a dataset with its records and tags.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_evaluation_dataset(
        &mut self,
        actor: &Actor,
        dataset: &EvaluationDatasetRow,
    ) -> StoreResult<()> {
        let id = dataset.id.as_str();
        self.record(actor, Kind::EvaluationDataset, dataset.row, Some(id), Op::Erase)?;
        self.connection
            .prepare_cached("DELETE FROM evaluation_dataset WHERE id = ?1")?
            .execute([dataset.row])?;
        Ok(())
    }
}
