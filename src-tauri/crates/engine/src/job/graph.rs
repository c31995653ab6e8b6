//! Jobs that run after each other: chains, groups and chords, queued in one transaction.

use super::check;
use crate::{Engine, permit};
use branchline_core::{Actor, Error, ErrorCode, NewJob, Result, new_uuid};
use branchline_store::{Place, StoreResult, WriteTx};

/// A part of a graph.
#[derive(Debug, Clone)]
pub enum GraphNode {
    /// One job, and those that run if it fails.
    Job(Box<NewJob>, Vec<NewJob>),
    /// Each after the one before has succeeded.
    Chain(Vec<GraphNode>),
    /// All at once.
    Group(Vec<GraphNode>),
    /// The last after all others have succeeded.
    Chord(Vec<GraphNode>, Box<GraphNode>),
}

/// A graph that was queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedGraph {
    /// The id that all of its jobs carry: the first job's.
    pub root_id: String,
    /// Ids in the order in which they were given.
    pub task_ids: Vec<String>,
    /// Ids of the jobs that end it.
    pub last: Vec<String>,
}

/// Jobs in a graph at most.
const MOST: usize = 10_000;
/// How deep parts may lie in parts.
const DEEPEST: usize = 32;

impl GraphNode {
    fn check(&self, depth: usize, count: &mut usize) -> Result<()> {
        if depth > DEEPEST {
            return Err(Error::invalid(format!("A graph has at most {DEEPEST} levels.")));
        }
        let mut all = |nodes: &[Self]| {
            if nodes.is_empty() {
                return Err(Error::invalid("A chain, group or chord has at least one job."));
            }
            nodes.iter().try_for_each(|node| node.check(depth + 1, count))
        };
        match self {
            Self::Chain(nodes) | Self::Group(nodes) => all(nodes),
            Self::Chord(nodes, body) => {
                all(nodes)?;
                body.check(depth + 1, count)
            }
            Self::Job(new, on_failure) => {
                *count += 1 + on_failure.len();
                if *count > MOST {
                    return Err(Error::invalid(format!("A graph has at most {MOST} jobs.")));
                }
                check(new)?;
                on_failure.iter().try_for_each(check)
            }
        }
    }

    fn each(&self, check: &mut impl FnMut(&NewJob) -> Result<()>) -> Result<()> {
        match self {
            Self::Chain(nodes) | Self::Group(nodes) => {
                nodes.iter().try_for_each(|node| node.each(check))
            }
            Self::Chord(nodes, body) => {
                nodes.iter().try_for_each(|node| node.each(check))?;
                body.each(check)
            }
            Self::Job(new, on_failure) => {
                check(new)?;
                on_failure.iter().try_for_each(check)
            }
        }
    }

    fn each_job(&mut self, act: &mut impl FnMut(&mut NewJob)) {
        match self {
            Self::Job(new, on_failure) => {
                act(new);
                on_failure.iter_mut().for_each(act);
            }
            Self::Chain(nodes) | Self::Group(nodes) => {
                nodes.iter_mut().for_each(|node| node.each_job(act));
            }
            Self::Chord(nodes, body) => {
                nodes.iter_mut().for_each(|node| node.each_job(act));
                body.each_job(act);
            }
        }
    }

    fn first(&mut self) -> Option<&mut NewJob> {
        match self {
            Self::Job(new, _) => Some(new),
            Self::Chain(nodes) | Self::Group(nodes) | Self::Chord(nodes, _) => {
                nodes.first_mut()?.first()
            }
        }
    }
}

struct Builder<'a, 'c> {
    tx: &'a mut WriteTx<'c>,
    actor: &'a Actor,
    root: String,
    made: Vec<(i64, String)>,
}

impl Builder<'_, '_> {
    fn enqueue(&mut self, new: &NewJob, place: Place) -> StoreResult<i64> {
        let queued = self.tx.enqueue_job(self.actor, new, &place)?;
        if queued.existed {
            return Err(Error::new(
                ErrorCode::ResourceConflict,
                format!(
                    "Job '{}' exists already and cannot become part of a graph.",
                    queued.task_id
                ),
            )
            .into());
        }
        self.made.push((queued.row, queued.task_id));
        Ok(queued.row)
    }

    fn place(&self, after: &[i64]) -> Place {
        Place { after: after.to_vec(), root: Some(self.root.clone()), ..Place::default() }
    }

    /// Queues a part after the jobs `after`; answers the jobs that end it.
    fn build(&mut self, node: &GraphNode, after: &[i64]) -> StoreResult<Vec<i64>> {
        match node {
            GraphNode::Job(new, on_failure) => {
                let row = self.enqueue(new, self.place(after))?;
                for new in on_failure {
                    let place = Place { after_failure: vec![row], ..self.place(&[]) };
                    self.enqueue(new, place)?;
                }
                Ok(vec![row])
            }
            GraphNode::Chain(nodes) => {
                let mut last = after.to_vec();
                for node in nodes {
                    last = self.build(node, &last)?;
                }
                Ok(last)
            }
            GraphNode::Group(nodes) => self.side_by_side(nodes, after),
            GraphNode::Chord(nodes, body) => {
                let header = self.side_by_side(nodes, after)?;
                self.build(body, &header)
            }
        }
    }

    fn side_by_side(&mut self, nodes: &[GraphNode], after: &[i64]) -> StoreResult<Vec<i64>> {
        let mut last = Vec::new();
        for node in nodes {
            last.extend(self.build(node, after)?);
        }
        Ok(last)
    }
}

impl Engine {
    /// Queues a graph of jobs, all or none.
    ///
    /// # Errors
    /// The actor is no superuser; a job breaks a rule or exists already.
    pub async fn submit_graph(&self, actor: &Actor, mut graph: GraphNode) -> Result<QueuedGraph> {
        permit::require_superuser(actor)?;
        let rules = self.job_rules();
        graph.each_job(&mut |new| rules.apply(new));
        graph.check(0, &mut 0)?;
        graph.each(&mut |new| self.check_slots(new))?;
        let root = match graph.first() {
            Some(first) => first.task_id.get_or_insert_with(new_uuid).clone(),
            None => return Err(Error::invalid("A graph has at least one job.")),
        };
        let queued = self
            .change_jobs(actor, move |tx, actor| {
                let mut builder = Builder { tx, actor, root, made: Vec::new() };
                let last = builder.build(&graph, &[])?;
                let Builder { root, made, .. } = builder;
                let last = last.iter().filter_map(|row| {
                    made.iter().find(|(made, _)| made == row).map(|(_, id)| id.clone())
                });
                Ok(QueuedGraph {
                    root_id: root,
                    last: last.collect(),
                    task_ids: made.iter().map(|(_, id)| id.clone()).collect(),
                })
            })
            .await?;
        if rules.inline {
            for task_id in &queued.task_ids {
                self.ended_job(actor, task_id).await?;
            }
        }
        Ok(queued)
    }
}
