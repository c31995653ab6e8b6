//! Scorers, their versions, and how they are to judge traces as they come.

use crate::change::{Kind, Op};
use crate::error::StoreResult;
use crate::experiment::owner;
use crate::tx::{View, WriteTx};
use branchline_core::{Actor, Error, ExperimentId, OnlineScoringConfig, ScorerVersion, new_uuid};
use rusqlite::{OptionalExtension, Row, params};

/// What a write needs to know of a scorer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScorerRow {
    /// The row.
    pub row: i64,
    /// Its UUID.
    pub scorer_id: String,
    /// Its experiment.
    pub experiment: ExperimentId,
    /// Its name.
    pub name: String,
}

const VERSION: &str = "SELECT s.scorer_id, s.experiment_id, s.name, v.version,
        v.serialized_scorer, v.created_at
    FROM scorer s JOIN scorer_version v ON v.scorer_id = s.id";

fn read(row: &Row<'_>) -> rusqlite::Result<ScorerVersion> {
    Ok(ScorerVersion {
        scorer_id: row.get(0)?,
        experiment_id: ExperimentId(row.get(1)?),
        name: row.get(2)?,
        version: row.get(3)?,
        serialized: row.get(4)?,
        created_at: row.get(5)?,
    })
}

fn missing(experiment: ExperimentId, name: &str, version: Option<i64>) -> Error {
    let version = version.map(|number| format!(" and version {number}")).unwrap_or_default();
    Error::not_found(format!(
        "Scorer with name '{name}'{version} not found for experiment {experiment}."
    ))
}

impl View<'_> {
    fn find_scorer(&self, experiment: ExperimentId, name: &str) -> StoreResult<Option<ScorerRow>> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT id, scorer_id FROM scorer WHERE experiment_id = ?1 AND name = ?2",
            )?
            .query_row(params![experiment.0, name], |row| {
                let (row, scorer_id) = (row.get(0)?, row.get(1)?);
                Ok(ScorerRow { row, scorer_id, experiment, name: name.to_owned() })
            })
            .optional()?)
    }

    /// What a write needs to know.
    ///
    /// # Errors
    /// There is no such scorer.
    pub fn scorer_row(&self, experiment: ExperimentId, name: &str) -> StoreResult<ScorerRow> {
        self.find_scorer(experiment, name)?.ok_or_else(|| missing(experiment, name, None).into())
    }

    /// A version of a scorer, the newest unless one is named.
    ///
    /// # Errors
    /// There is no such scorer or version.
    pub fn scorer_version(
        &self,
        experiment: ExperimentId,
        name: &str,
        version: Option<i64>,
    ) -> StoreResult<ScorerVersion> {
        let scorer = self.scorer_row(experiment, name)?;
        let sql = format!(
            "{VERSION} WHERE s.id = ?1 AND v.version = coalesce(?2, v.version)
             ORDER BY v.version DESC LIMIT 1"
        );
        self.connection
            .prepare_cached(&sql)?
            .query_row(params![scorer.row, version], read)
            .optional()?
            .ok_or_else(|| missing(experiment, name, version).into())
    }

    /// All versions of a scorer, oldest first.
    ///
    /// # Errors
    /// There is no such scorer, or it has no version left.
    pub fn scorer_versions(
        &self,
        experiment: ExperimentId,
        name: &str,
    ) -> StoreResult<Vec<ScorerVersion>> {
        let scorer = self.scorer_row(experiment, name)?;
        let sql = format!("{VERSION} WHERE s.id = ?1 ORDER BY v.version");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let found: Vec<_> =
            statement.query_map([scorer.row], read)?.collect::<rusqlite::Result<_>>()?;
        if found.is_empty() {
            return Err(missing(experiment, name, None).into());
        }
        Ok(found)
    }

    /// The newest version of each scorer of active experiments: of `experiments`, or of all.
    ///
    /// # Errors
    /// The database's.
    pub fn latest_scorers(
        &self,
        experiments: Option<&[ExperimentId]>,
    ) -> StoreResult<Vec<ScorerVersion>> {
        let newest = "v.version = (SELECT max(n.version) FROM scorer_version n
                WHERE n.scorer_id = s.id)
            AND EXISTS (SELECT 1 FROM experiment e WHERE e.id = s.experiment_id AND e.deleted = 0)";
        let mut found = Vec::new();
        match experiments {
            Some(experiments) => {
                let sql =
                    format!("{VERSION} WHERE s.experiment_id = ?1 AND {newest} ORDER BY s.name");
                let mut statement = self.connection.prepare_cached(&sql)?;
                for id in experiments {
                    for version in statement.query_map([id.0], read)? {
                        found.push(version?);
                    }
                }
            }
            None => {
                let sql = format!("{VERSION} WHERE {newest} ORDER BY s.experiment_id, s.name");
                let mut statement = self.connection.prepare_cached(&sql)?;
                for version in statement.query_map([], read)? {
                    found.push(version?);
                }
            }
        }
        Ok(found)
    }

    /// The configurations that some of these scorers have.
    ///
    /// # Errors
    /// The database's.
    pub fn online_scoring_configs(
        &self,
        scorer_ids: &[String],
    ) -> StoreResult<Vec<OnlineScoringConfig>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT c.config_id, s.scorer_id, s.experiment_id, c.sample_rate, c.filter_string
             FROM scorer s JOIN online_scoring_config c ON c.scorer_id = s.id
             WHERE s.scorer_id = ?1",
        )?;
        let mut found = Vec::new();
        for id in scorer_ids {
            let config = statement.query_row([id], |row| {
                Ok(OnlineScoringConfig {
                    config_id: row.get(0)?,
                    scorer_id: row.get(1)?,
                    experiment_id: ExperimentId(row.get(2)?),
                    sample_rate: row.get(3)?,
                    filter: row.get(4)?,
                })
            });
            found.extend(config.optional()?);
        }
        Ok(found)
    }
}

impl WriteTx<'_> {
    /// Adds a version to a scorer, which is made if there is none.
    ///
    /// # Errors
    /// The database's.
    pub fn insert_scorer_version(
        &mut self,
        actor: &Actor,
        experiment: ExperimentId,
        name: &str,
        serialized: &str,
    ) -> StoreResult<ScorerVersion> {
        let (scorer, op) = match self.find_scorer(experiment, name)? {
            Some(scorer) => (scorer, Op::Set),
            None => (self.insert_scorer(actor, experiment, name)?, Op::Create),
        };
        let version: i64 = self
            .connection
            .prepare_cached(
                "INSERT INTO scorer_version (scorer_id, version, serialized_scorer, created_at)
                 SELECT ?1, coalesce(max(version), 0) + 1, ?2, ?3 FROM scorer_version
                 WHERE scorer_id = ?1 RETURNING version",
            )?
            .query_row(params![scorer.row, serialized, self.now()], |row| row.get(0))?;
        self.scorer_changed(actor, &scorer, op)?;
        self.scorer_version(experiment, name, Some(version))
    }

    fn insert_scorer(
        &mut self,
        actor: &Actor,
        experiment: ExperimentId,
        name: &str,
    ) -> StoreResult<ScorerRow> {
        let scorer_id = new_uuid();
        self.connection
            .prepare_cached(
                "INSERT INTO scorer (scorer_id, experiment_id, name, created_at, created_by)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![scorer_id, experiment.0, name, self.now(), owner(actor)])?;
        let row = self.connection.last_insert_rowid();
        Ok(ScorerRow { row, scorer_id, experiment, name: name.to_owned() })
    }

    fn scorer_changed(&mut self, actor: &Actor, scorer: &ScorerRow, op: Op) -> StoreResult<()> {
        let seq = self.record(actor, Kind::Scorer, scorer.row, None, op)?;
        self.connection
            .prepare_cached("UPDATE scorer SET rev = ?2 WHERE id = ?1")?
            .execute([scorer.row, seq])?;
        Ok(())
    }

    /// Removes a version of a scorer; the scorer stays, even without versions.
    ///
    /// # Errors
    /// There is no such version.
    pub fn delete_scorer_version(
        &mut self,
        actor: &Actor,
        scorer: &ScorerRow,
        version: i64,
    ) -> StoreResult<()> {
        let gone = self
            .connection
            .prepare_cached("DELETE FROM scorer_version WHERE scorer_id = ?1 AND version = ?2")?
            .execute([scorer.row, version])?;
        if gone == 0 {
            return Err(missing(scorer.experiment, &scorer.name, Some(version)).into());
        }
        self.scorer_changed(actor, scorer, Op::Unset)
    }

    /// Removes a scorer with its versions and its configuration.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_scorer(&mut self, actor: &Actor, scorer: &ScorerRow) -> StoreResult<()> {
        self.record(actor, Kind::Scorer, scorer.row, Some(&scorer.scorer_id), Op::Erase)?;
        self.connection
            .prepare_cached("DELETE FROM scorer WHERE id = ?1")?
            .execute([scorer.row])?;
        Ok(())
    }

    /// Puts a configuration in the place of the one that the scorer had.
    ///
    /// # Errors
    /// The database's.
    pub fn put_online_scoring_config(
        &mut self,
        actor: &Actor,
        scorer: &ScorerRow,
        config: &OnlineScoringConfig,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "INSERT OR REPLACE INTO online_scoring_config
                     (config_id, scorer_id, sample_rate, filter_string) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![config.config_id, scorer.row, config.sample_rate, config.filter])?;
        self.scorer_changed(actor, scorer, Op::Set)
    }
}
