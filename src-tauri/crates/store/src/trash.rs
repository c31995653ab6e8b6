//! The trash: what was deleted and can still be restored, and what it holds.

use crate::erase::is_own;
use crate::error::StoreResult;
use crate::query::{self, SearchPage, Select, Sql, Term};
use crate::tx::View;
use branchline_core::{Error, ExperimentId};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row};

/// What lies in the trash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrashKind {
    /// An experiment with its runs.
    Experiment,
    /// A run of an experiment that is not itself in the trash.
    Run,
    /// A logged model of such an experiment.
    Model,
}

/// One thing in the trash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrashItem {
    /// What it is.
    pub kind: TrashKind,
    /// The row.
    pub row: i64,
    /// MLflow's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Itself, or where it lies.
    pub experiment: ExperimentId,
    /// The experiment's name.
    pub experiment_name: String,
    /// Since when, milliseconds UTC.
    pub deleted_at: i64,
    /// The root of its files, a URI.
    pub artifact_uri: String,
    /// Runs that go with an experiment.
    pub runs: i64,
    /// Registered versions that were made from it, or from what goes with it.
    pub versions: i64,
}

impl TrashItem {
    /// Whether its files lie in a folder of its own, which goes with it.
    pub fn has_own_files(&self) -> bool {
        is_own(&self.artifact_uri, &self.id)
    }
}

// What a row costs with its indexes, measured on filled databases: an estimate to show.
const RUN_BYTES: i64 = 420;
const POINT_BYTES: i64 = 30;
const LATEST_BYTES: i64 = 110;
const PAIR_BYTES: i64 = 16;
const MODEL_BYTES: i64 = 400;
const TRACE_BYTES: i64 = 600;

impl TrashKind {
    fn select(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Experiment => (
                "e.id, CAST(e.id AS TEXT), e.name, e.id, e.name, coalesce(e.deleted_at, 0),
                 e.artifact_location,
                 (SELECT count(*) FROM run WHERE experiment_id = e.id),
                 (SELECT count(*) FROM model_version v WHERE
                      v.run_id IN (SELECT run_id FROM run WHERE experiment_id = e.id)
                      OR v.model_id IN (SELECT model_id FROM logged_model WHERE experiment_id = e.id))",
                "experiment e",
                "e.deleted = 1",
            ),
            Self::Run => (
                "r.id, r.run_id, r.name, e.id, e.name, coalesce(r.deleted_at, 0), r.artifact_uri, 0,
                 (SELECT count(*) FROM model_version v WHERE v.run_id = r.run_id)",
                "run r JOIN experiment e ON e.id = r.experiment_id",
                "r.deleted = 1 AND e.deleted = 0",
            ),
            Self::Model => (
                "m.id, m.model_id, m.name, e.id, e.name, coalesce(m.deleted_at, 0), m.artifact_uri, 0,
                 (SELECT count(*) FROM model_version v WHERE v.model_id = m.model_id)",
                "logged_model m JOIN experiment e ON e.id = m.experiment_id",
                "m.deleted = 1 AND e.deleted = 0",
            ),
        }
    }

    fn alias(self) -> &'static str {
        match self {
            Self::Experiment => "e",
            Self::Run => "r",
            Self::Model => "m",
        }
    }

    fn read(self, row: &Row<'_>) -> rusqlite::Result<TrashItem> {
        Ok(TrashItem {
            kind: self,
            row: row.get(0)?,
            id: row.get(1)?,
            name: row.get(2)?,
            experiment: ExperimentId(row.get(3)?),
            experiment_name: row.get(4)?,
            deleted_at: row.get(5)?,
            artifact_uri: row.get(6)?,
            runs: row.get(7)?,
            versions: row.get(8)?,
        })
    }
}

impl View<'_> {
    /// One page of what lies in the trash, longest there last; only what was there before
    /// `before`, milliseconds UTC, when that is given.
    ///
    /// # Errors
    /// A page token that does not belong to this question.
    pub fn trash(
        &self,
        kind: TrashKind,
        before: Option<i64>,
        max_results: usize,
        token: Option<&str>,
    ) -> StoreResult<SearchPage<TrashItem>> {
        let (columns, source, held) = kind.select();
        let alias = kind.alias();
        let mut filter = vec![Sql::new(held)];
        if let Some(before) = before {
            let old = format!("coalesce({alias}.deleted_at, 0) < ?");
            filter.push(Sql::with(old, [Value::Integer(before)]));
        }
        let terms = vec![
            Term::new(format!("coalesce({alias}.deleted_at, 0)"), true),
            Term::new(format!("{alias}.id"), true),
        ];
        let select = Select { columns, source: Sql::new(source), filter, terms };
        let question = query::fingerprint(&format!("trash {kind:?} {before:?}"));
        self.page(&[select], question, token, max_results, &|row| kind.read(row))
    }

    /// One thing in the trash.
    ///
    /// # Errors
    /// It is not there.
    pub fn trash_item(&self, kind: TrashKind, id: &str) -> StoreResult<TrashItem> {
        let (columns, source, held) = kind.select();
        let key = match kind {
            TrashKind::Experiment => "e.id = CAST(?1 AS INTEGER)",
            TrashKind::Run => "r.run_id = ?1",
            TrashKind::Model => "m.model_id = ?1",
        };
        self.connection
            .prepare_cached(&format!("SELECT {columns} FROM {source} WHERE {held} AND {key}"))?
            .query_row([id], |row| kind.read(row))
            .optional()?
            .ok_or_else(|| not_there(kind, id).into())
    }

    /// How much lies in the trash: experiments, runs, logged models.
    ///
    /// # Errors
    /// The database's.
    pub fn trash_counts(&self) -> StoreResult<[i64; 3]> {
        let count = |kind: TrashKind| {
            let (_, source, held) = kind.select();
            self.connection
                .prepare_cached(&format!("SELECT count(*) FROM {source} WHERE {held}"))?
                .query_row([], |row| row.get(0))
        };
        Ok([count(TrashKind::Experiment)?, count(TrashKind::Run)?, count(TrashKind::Model)?])
    }

    /// Bytes that the thing holds in the database, estimated from its rows.
    ///
    /// # Errors
    /// The database's.
    pub fn trash_bytes(&self, kind: TrashKind, row: i64) -> StoreResult<i64> {
        let runs = format!(
            "{RUN_BYTES}
             + (SELECT coalesce(sum({POINT_BYTES} * count + {LATEST_BYTES}), 0)
                FROM latest_metric WHERE run_id = r.id)
             + (SELECT coalesce(sum(length(value) + {PAIR_BYTES}), 0) FROM param WHERE run_id = r.id)
             + (SELECT coalesce(sum(length(value) + {PAIR_BYTES}), 0) FROM tag WHERE run_id = r.id)"
        );
        let sql = match kind {
            TrashKind::Experiment => format!(
                "SELECT coalesce(sum({runs}), 0) + {MODEL_BYTES} *
                     (1 + (SELECT count(*) FROM logged_model WHERE experiment_id = ?1))
                     + (SELECT coalesce(sum({TRACE_BYTES}
                            + (SELECT coalesce(sum(length(content)), 0) FROM span WHERE trace_id = t.id)), 0)
                        FROM trace t WHERE t.experiment_id = ?1)
                 FROM run r WHERE r.experiment_id = ?1"
            ),
            TrashKind::Run => format!("SELECT {runs} FROM run r WHERE r.id = ?1"),
            TrashKind::Model => format!(
                "SELECT {MODEL_BYTES}
                     + (SELECT coalesce(sum(length(value) + {PAIR_BYTES}), 0)
                        FROM logged_model_param WHERE model_id = ?1)"
            ),
        };
        Ok(self.connection.prepare_cached(&sql)?.query_row([row], |row| row.get(0))?)
    }

    /// Where what goes with an experiment keeps its files.
    ///
    /// # Errors
    /// The database's.
    pub fn locations_within(&self, experiment: ExperimentId) -> StoreResult<Vec<(String, String)>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT run_id, artifact_uri FROM run WHERE experiment_id = ?1
             UNION ALL SELECT model_id, artifact_uri FROM logged_model WHERE experiment_id = ?1",
        )?;
        let rows = statement.query_map([experiment.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

fn not_there(kind: TrashKind, id: &str) -> Error {
    let what = match kind {
        TrashKind::Experiment => "experiment",
        TrashKind::Run => "run",
        TrashKind::Model => "logged model",
    };
    Error::not_found(format!("There is no {what} '{id}' in the trash."))
        .hint("Only what was deleted is there; what lies in a deleted experiment goes with it.")
}
