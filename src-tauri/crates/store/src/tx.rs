//! What a read or a write closure works with. Entity modules add their methods to these
//! two types.

use crate::access::{self, Access};
use crate::change::{Kind, Op};
use crate::error::StoreResult;
use crate::names::Names;
use crate::rule_watch::Rules;
use branchline_core::event::{Event, EventKind};
use branchline_core::{Actor, Permission};
use rusqlite::{Connection, params};
use std::collections::HashMap;
use std::ops::Deref;

/// A consistent view of the database for reading.
pub struct View<'c> {
    pub(crate) connection: &'c Connection,
    pub(crate) names: &'c Names,
    /// What its reader may not see is not there (see [`crate::access`]).
    pub(crate) veiled: bool,
    /// For whom a write looks things up, unless they may see everything: what they may not
    /// see is denied to them.
    pub(crate) seen_by: Option<Access>,
}

/// One request's part of a group commit. Reads see its own writes.
pub struct WriteTx<'c> {
    view: View<'c>,
    pub(crate) rules: &'c Rules,
    coalesce: &'c Coalesce,
    pending: &'c mut Pending,
    now: i64,
}

impl<'c> Deref for WriteTx<'c> {
    type Target = View<'c>;
    fn deref(&self) -> &View<'c> {
        &self.view
    }
}

/// The range of steps that a request touched in one metric of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepRange {
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) points: i64,
}

/// A metric's newest row in the change log.
#[derive(Debug, Clone, Copy)]
struct Logged {
    seq: i64,
    since: i64,
    range: StepRange,
}

/// Metric changes of the last second, by (run, key), of committed requests.
#[derive(Default)]
pub(crate) struct Coalesce {
    recent: HashMap<(i64, i64), Logged>,
}

impl Coalesce {
    /// A row lives on in its successor for this long, or this many points.
    const WINDOW_MS: i64 = 1000;
    const POINTS: i64 = 1000;
    const KEPT: usize = 10_000;

    pub(crate) fn apply(&mut self, metrics: HashMap<(i64, i64), PendingMetric>) {
        if self.recent.len() > Self::KEPT {
            self.recent.clear();
        }
        self.recent.extend(metrics.into_iter().map(|(key, pending)| (key, pending.0)));
    }

    fn open(logged: &Logged, now: i64) -> bool {
        (0..Self::WINDOW_MS).contains(&(now - logged.since)) && logged.range.points < Self::POINTS
    }
}

pub(crate) struct PendingMetric(Logged);

/// What a batch has changed and not yet committed.
#[derive(Default)]
pub(crate) struct Pending {
    events: Vec<Event>,
    metrics: Vec<((i64, i64), Logged)>,
    last_seq: Option<i64>,
    owes: bool,
    then: Vec<Then>,
}

/// What follows a commit.
type Then = Box<dyn FnOnce() + Send>;

impl Pending {
    pub(crate) fn mark(&self) -> [usize; 3] {
        [self.events.len(), self.metrics.len(), self.then.len()]
    }

    pub(crate) fn reset(&mut self, [events, metrics, then]: [usize; 3]) {
        self.events.truncate(events);
        self.metrics.truncate(metrics);
        self.then.truncate(then);
    }

    pub(crate) fn last_seq(&self) -> Option<i64> {
        self.last_seq
    }

    /// Whether something is owed to somebody; what was taken back may have been it.
    pub(crate) fn owes(&self) -> bool {
        self.owes
    }

    /// Does what was to follow the commit.
    pub(crate) fn follow(&mut self) {
        self.then.drain(..).for_each(|then| then());
    }

    pub(crate) fn finish(self) -> (Vec<Event>, HashMap<(i64, i64), PendingMetric>) {
        let metrics = self.metrics.into_iter().map(|(key, logged)| (key, PendingMetric(logged)));
        (self.events, metrics.collect())
    }

    fn metric(&self, key: (i64, i64)) -> Option<Logged> {
        self.metrics.iter().rev().find(|(k, _)| *k == key).map(|(_, logged)| *logged)
    }
}

impl<'c> WriteTx<'c> {
    pub(crate) fn new(
        connection: &'c Connection,
        names: &'c Names,
        rules: &'c Rules,
        coalesce: &'c Coalesce,
        pending: &'c mut Pending,
        now: i64,
    ) -> Self {
        let view = View { connection, names, veiled: false, seen_by: None };
        Self { view, rules, coalesce, pending, now }
    }

    /// From now on this request finds only what the actor may see, so that no error that it
    /// ends with tells of anything else.
    ///
    /// # Errors
    /// The database's.
    pub fn act_for(&mut self, actor: &Actor) -> StoreResult<()> {
        let seen_by = match actor.is_superuser {
            true => None,
            false => Some(self.view.access(actor.user_id)?),
        };
        self.view.seen_by = seen_by;
        Ok(())
    }

    /// The time of this commit, milliseconds UTC.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Tells listeners of `kind` once this has committed.
    pub fn notify(&mut self, seq: i64, kind: EventKind) {
        let event = Event { seq, kind };
        if self.pending.events.last() != Some(&event) {
            self.pending.events.push(event);
        }
    }

    /// Does `then` once this has committed, before it is on the disk: a word to somebody who
    /// need not wait for that, and nothing that takes time.
    pub fn once_committed(&mut self, then: impl FnOnce() + Send + 'static) {
        self.pending.then.push(Box::new(then));
    }

    /// Something is owed to somebody once this has committed.
    pub(crate) fn note_owed(&mut self) {
        self.pending.owes = true;
    }

    /// Refuses what the actor may not do. Every change passes here on its way into the
    /// change log, and a refusal takes back all that its request has written.
    pub(crate) fn permit(
        &mut self,
        actor: &Actor,
        kind: Kind,
        entity: i64,
        op: Op,
    ) -> StoreResult<()> {
        if actor.is_superuser {
            return Ok(());
        }
        if op == Op::Create
            && let Some(resource) = access::granted_by_making(kind)
        {
            self.put_grant(actor.user_id, resource, entity, Permission::Manage)?;
            return self.act_for(actor);
        }
        let known = self.view.seen_by.as_ref().filter(|known| known.user_id() == actor.user_id);
        let allowed = match known {
            Some(access) => self.view.allows(access, kind, entity, op)?,
            None => self.view.allows(&self.view.access(actor.user_id)?, kind, entity, op)?,
        };
        if allowed { Ok(()) } else { Err(access::denied().into()) }
    }

    /// Appends to the change log; answers the sequence number, which becomes the `rev`.
    pub(crate) fn record(
        &mut self,
        actor: &Actor,
        kind: Kind,
        entity: i64,
        field: Option<&str>,
        op: Op,
    ) -> StoreResult<i64> {
        self.permit(actor, kind, entity, op)?;
        let hlc = hlc(self.now);
        self.connection
            .prepare_cached(
                "INSERT INTO change (kind, entity, field, op, hlc, actor)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![kind as i64, entity, field, op as i64, hlc, actor.user_id])?;
        let seq = self.connection.last_insert_rowid();
        self.pending.last_seq = Some(seq);
        Ok(seq)
    }

    /// Appends a metric's step range, taking over the range of a row not a second old.
    pub(crate) fn record_metric(
        &mut self,
        actor: &Actor,
        run: i64,
        key: i64,
        mut range: StepRange,
    ) -> StoreResult<i64> {
        self.permit(actor, Kind::Metric, run, Op::Set)?;
        let mut since = self.now;
        let before = self
            .pending
            .metric((run, key))
            .or_else(|| self.coalesce.recent.get(&(run, key)).copied())
            .filter(|logged| Coalesce::open(logged, self.now));
        if let Some(before) = before {
            range.from = range.from.min(before.range.from);
            range.to = range.to.max(before.range.to);
            range.points += before.range.points;
            since = before.since;
        }
        self.connection
            .prepare_cached(
                "INSERT INTO change (kind, entity, field, op, hlc, actor, step_from, step_to, points)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                Kind::Metric as i64,
                run,
                key,
                Op::Set as i64,
                hlc(self.now),
                actor.user_id,
                range.from,
                range.to,
                range.points,
            ])?;
        let seq = self.connection.last_insert_rowid();
        // Not before: the newest row is what the next one counts from.
        if let Some(before) = before {
            self.connection
                .prepare_cached("DELETE FROM change WHERE seq = ?1")?
                .execute([before.seq])?;
        }
        self.pending.last_seq = Some(seq);
        self.pending.metrics.push(((run, key), Logged { seq, since, range }));
        Ok(seq)
    }
}

/// A hybrid logical clock: 48 bits of milliseconds, 16 bits of counter. One process
/// writes, and `seq` orders changes within a millisecond, so the counter stays free for
/// changes that arrive from elsewhere.
fn hlc(now: i64) -> i64 {
    now << 16
}
