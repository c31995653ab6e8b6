//! Rules at work: within the transaction of what happens, it is judged by the rules that are
//! about it, and what they have to tell is written. So something is told exactly when it is
//! kept, and each value of a metric is judged as it was logged, whatever comes after it.
//!
//! The writer keeps the rules in memory. While there are none, what happens costs a look at
//! three empty lists; else the database is asked only where something has to be told, or a
//! metric has come back.

use crate::error::StoreResult;
use crate::metric::Point as LoggedPoint;
use crate::rule::{self, RuleRow};
use crate::run::RunRow;
use crate::tx::WriteTx;
use branchline_core::happening::{Happening, Place, Point};
use branchline_core::rule::Kind;
use branchline_core::{Actor, ExperimentId, Job, Occasion, Permission, Resource, RunId, User};
use rusqlite::{Connection, params};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// A metric that has come back is told of again only when this has passed since it was told
/// of, so that one that wavers about a threshold is not told of with every point.
const QUIET_MS: i64 = 5 * 60_000;
/// The longest name of a command that is told.
const LONGEST_COMMAND: usize = 60;

/// A rule, a run and a metric, by their rows.
type Firing = (i64, i64, i64);

/// What the writer knows of rules; read from the database when it is asked first.
#[derive(Default)]
pub(crate) struct Rules(RefCell<Option<Known>>);

#[derive(Default)]
struct Known {
    jobs: Vec<Arc<RuleRow>>,
    runs: Vec<Arc<RuleRow>>,
    metrics: Vec<Arc<RuleRow>>,
    /// Metrics that were told of and have not come back, and since when.
    firing: HashMap<Firing, i64>,
}

impl Known {
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut known = Self::default();
        let sql = format!(
            "SELECT {} FROM {} WHERE r.enabled = 1 ORDER BY r.id",
            rule::COLUMNS,
            rule::SOURCE
        );
        let mut statement = connection.prepare_cached(&sql)?;
        for found in statement.query_map([], rule::read)? {
            let found = Arc::new(found?);
            match found.rule.what.watch.kind() {
                Some(Kind::Job) => known.jobs.push(found),
                Some(Kind::Run) => known.runs.push(found),
                Some(Kind::Metric) => known.metrics.push(found),
                None => {}
            }
        }
        let mut statement =
            connection.prepare_cached("SELECT rule_id, run_id, key, since FROM rule_firing")?;
        let rows = statement
            .query_map([], |row| Ok(((row.get(0)?, row.get(1)?, row.get(2)?), row.get(3)?)))?;
        known.firing = rows.collect::<rusqlite::Result<_>>()?;
        Ok(known)
    }
}

impl Rules {
    fn with<T>(
        &self,
        connection: &Connection,
        work: impl FnOnce(&mut Known) -> T,
    ) -> StoreResult<T> {
        let mut known = self.0.borrow_mut();
        if known.is_none() {
            *known = Some(Known::read(connection)?);
        }
        Ok(work(known.get_or_insert_with(Known::default)))
    }

    /// They are read again when they are asked for: rules were changed, or what a request has
    /// written of them is taken back.
    pub(crate) fn forget(&self) {
        *self.0.borrow_mut() = None;
    }

    /// Whether the end of a run may be told of, or end what is told of its metrics.
    pub(crate) fn look_at_runs(&self, connection: &Connection) -> StoreResult<bool> {
        self.with(connection, |known| !known.runs.is_empty() || !known.firing.is_empty())
    }

    /// The rules of a list that are about something; nothing is allocated for none.
    fn about(
        &self,
        connection: &Connection,
        list: fn(&Known) -> &[Arc<RuleRow>],
        is_about: impl Fn(&RuleRow) -> bool,
    ) -> StoreResult<Vec<Arc<RuleRow>>> {
        self.with(connection, |known| {
            list(known).iter().filter(|found| is_about(found)).cloned().collect()
        })
    }
}

fn is_in(found: &RuleRow, id: &RunId, experiment: ExperimentId) -> bool {
    let watch = &found.rule.what.watch;
    watch.experiment.is_none_or(|wanted| wanted == experiment)
        && watch.subject.as_deref().is_none_or(|subject| subject == id.as_str())
}

impl WriteTx<'_> {
    /// Judges the new ones of the points of a metric that were logged.
    pub(crate) fn judge_points(
        &mut self,
        actor: &Actor,
        id: &RunId,
        run: &RunRow,
        (key, name): (i64, &str),
        points: &[LoggedPoint],
    ) -> StoreResult<()> {
        let about = self.rules.about(
            self.connection,
            |known| &known.metrics,
            |found| is_in(found, id, run.experiment) && found.rule.what.watch.is_named(name),
        )?;
        for found in about {
            let firing = (found.row, run.row, key);
            let watch = &found.rule.what.watch;
            let Some(occasion) = watch.on.first().copied() else { continue };
            for point in points.iter().filter(|point| point.is_new) {
                match occasion.holds(point.logged, watch.threshold) {
                    Some(true) if self.begin_firing(firing)? => {
                        let point =
                            Point { key: name.to_owned(), value: point.logged, step: point.step };
                        let happening = self.at_run(occasion, id, run, Some(point))?;
                        self.tell(actor, &found, &happening, None)?;
                    }
                    Some(false) => self.end_firing(firing)?,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Notes that a rule tells of a metric; answers whether it has not yet.
    fn begin_firing(&self, firing: Firing) -> StoreResult<bool> {
        let now = self.now();
        let begins = self.rules.with(self.connection, |known| {
            let there = known.firing.contains_key(&firing);
            known.firing.entry(firing).or_insert(now);
            !there
        })?;
        if begins {
            self.connection
                .prepare_cached(
                    "INSERT INTO rule_firing (rule_id, run_id, key, since) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![firing.0, firing.1, firing.2, now])?;
        }
        Ok(begins)
    }

    /// A value came that is none to tell of.
    fn end_firing(&self, firing: Firing) -> StoreResult<()> {
        let now = self.now();
        let ends = self.rules.with(self.connection, |known| {
            let since = known.firing.get(&firing)?;
            // A clock that was set back is not waited for.
            if (0..QUIET_MS).contains(&(now - since)) {
                return None;
            }
            known.firing.remove(&firing)
        })?;
        if ends.is_some() {
            self.connection
                .prepare_cached(
                    "DELETE FROM rule_firing WHERE rule_id = ?1 AND run_id = ?2 AND key = ?3",
                )?
                .execute([firing.0, firing.1, firing.2])?;
        }
        Ok(())
    }

    /// Judges that a run ended. Its metrics are told of anew if it goes on.
    pub(crate) fn run_happened(
        &mut self,
        actor: &Actor,
        id: &RunId,
        run: &RunRow,
        occasion: Occasion,
    ) -> StoreResult<()> {
        let fired = self.rules.with(self.connection, |known| {
            let before = known.firing.len();
            known.firing.retain(|(_, of, _), _| *of != run.row);
            before > known.firing.len()
        })?;
        if fired {
            self.connection
                .prepare_cached("DELETE FROM rule_firing WHERE run_id = ?1")?
                .execute([run.row])?;
        }
        let about = self.rules.about(
            self.connection,
            |known| &known.runs,
            |found| {
                is_in(found, id, run.experiment) && found.rule.what.watch.on.contains(&occasion)
            },
        )?;
        if about.is_empty() {
            return Ok(());
        }
        let happening = self.at_run(occasion, id, run, None)?;
        for found in about {
            if found.rule.what.watch.is_named(&happening.name) {
                self.tell(actor, &found, &happening, None)?;
            }
        }
        Ok(())
    }

    fn at_run(
        &self,
        occasion: Occasion,
        id: &RunId,
        run: &RunRow,
        point: Option<Point>,
    ) -> StoreResult<Happening> {
        let (name, experiment) = self
            .connection
            .prepare_cached(
                "SELECT r.name, e.name FROM run r JOIN experiment e ON e.id = r.experiment_id
                 WHERE r.id = ?1",
            )?
            .query_row([run.row], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Happening {
            occasion,
            subject: id.as_str().to_owned(),
            name,
            place: Place::Experiment { id: run.experiment, name: experiment, point },
        })
    }

    /// Judges what happened to a job. Each rule tells of the first of the occasions that it
    /// is for: a job that was lost and failed for it is told of once.
    pub(crate) fn job_happened(
        &mut self,
        actor: &Actor,
        job: &Job,
        occasions: &[Occasion],
        message: Option<&str>,
    ) -> StoreResult<()> {
        let about = self.rules.about(
            self.connection,
            |known| &known.jobs,
            |found| {
                let watch = &found.rule.what.watch;
                watch.queue.as_deref().is_none_or(|queue| queue == job.options.queue)
                    && watch.subject.as_deref().is_none_or(|subject| subject == job.task_id)
                    && watch.is_named(&job.work.name)
            },
        )?;
        for found in about {
            let watch = &found.rule.what.watch;
            let Some(occasion) = occasions.iter().find(|one| watch.on.contains(one)) else {
                continue;
            };
            let happening = Happening {
                occasion: *occasion,
                subject: job.task_id.clone(),
                name: shown_name(job),
                place: Place::Queue {
                    queue: job.options.queue.clone(),
                    attempt: job.attempt,
                    message: message.map(str::to_owned),
                },
            };
            self.tell(actor, &found, &happening, job.created_by)?;
        }
        Ok(())
    }

    /// Tells a rule's user of what happened, if they may see it. `asked_by` is who asked for
    /// the job that it happened to.
    fn tell(
        &mut self,
        actor: &Actor,
        found: &RuleRow,
        happening: &Happening,
        asked_by: Option<i64>,
    ) -> StoreResult<()> {
        let user = self.user(found.rule.user_id)?;
        if !user.is_active || !self.sees(&user, happening, asked_by)? {
            return Ok(());
        }
        if !self.note_happening(actor, found, &user, happening)? {
            return Ok(());
        }
        if found.rule.what.once { self.spend_rule(actor, found) } else { Ok(()) }
    }

    fn sees(&self, user: &User, happening: &Happening, asked_by: Option<i64>) -> StoreResult<bool> {
        if user.is_superuser {
            return Ok(true);
        }
        match &happening.place {
            Place::Queue { .. } => Ok(asked_by == Some(user.id)),
            Place::Experiment { id, .. } => {
                let access = self.access(user.id)?;
                Ok(access.level(Resource::Experiment, id.0) >= Permission::Read)
            }
        }
    }
}

/// What a job is called where it is told of: its task, or the start of its command.
fn shown_name(job: &Job) -> String {
    if job.work.name != branchline_core::job::COMMAND_NAME {
        return job.work.name.clone();
    }
    let command = job.work.command.join(" ");
    match command.char_indices().nth(LONGEST_COMMAND) {
        Some((at, _)) => format!("{}…", &command[..at]),
        None => command,
    }
}
