//! Lists of jobs: which, and in what order.

use crate::error::StoreResult;
use crate::job::{COLUMNS, JobRow, SOURCE, read};
use crate::query::{self, SearchPage, Select, Sql, Term};
use crate::tx::View;
use branchline_core::job_filter::{JobField, JobTerm};
use branchline_core::job_order::{JobColumn, JobOrder};
use branchline_core::{Job, JobEvent};
use rusqlite::types::Value;

/// Which jobs.
#[derive(Debug, Clone, Default, Hash)]
pub struct JobQuery {
    /// In one of these states; in any when empty.
    pub states: Vec<&'static str>,
    /// In this queue.
    pub queue: Option<String>,
    /// Of this task.
    pub name: Option<String>,
    /// Of this graph.
    pub root: Option<String>,
    /// Of this project.
    pub project: Option<i64>,
    /// And all of these hold.
    pub terms: Vec<JobTerm>,
    /// In this order; the newest first when absent.
    pub order: Option<JobOrder>,
}

/// What a person reads of a job: its command without the marks of JSON, or its name.
const TITLE: &str = "CASE WHEN j.command IS NULL OR j.project_id IS NOT NULL THEN j.name
    ELSE ltrim(j.command, '[\"') END";

/// What a term asks of a job's row. Texts are found in any case.
fn condition(term: &JobTerm) -> Sql {
    let columns: &[&str] = match term.field {
        JobField::State => return Sql::with("j.state = ?", [Value::Text(term.text.clone())]),
        JobField::Queue => return Sql::with("q.name = ?", [Value::Text(term.text.clone())]),
        JobField::Any => &["j.name", "coalesce(j.command, '')", "j.task_id"],
        JobField::Name => &["j.name"],
        JobField::Args => &["j.args", "coalesce(j.command, '')"],
        JobField::Kwargs => &["j.kwargs"],
        JobField::Result => {
            &["coalesce(j.result, '')", "coalesce(j.exception || ' ' || j.message, '')"]
        }
        JobField::Id => &["j.task_id"],
    };
    let found = columns.iter().map(|column| format!("instr(lower({column}), ?) > 0"));
    let found = found.collect::<Vec<_>>().join(" OR ");
    let text = Value::Text(term.text.to_lowercase());
    Sql::with(format!("({found})"), vec![text; columns.len()])
}

/// The order's column, and the newest first among those that are the same in it.
fn terms(order: Option<JobOrder>) -> Vec<Term> {
    let Some(JobOrder { column, descending }) = order else {
        return vec![Term::new("j.id", true)];
    };
    let mut terms = match column {
        JobColumn::Status => vec![Term::new("j.state", descending)],
        JobColumn::Title => vec![Term::new(TITLE, descending)],
        JobColumn::Name => vec![Term::new("j.name", descending)],
        JobColumn::Queue => vec![Term::new("q.name", descending)],
        JobColumn::Priority => vec![Term::new("j.priority", descending)],
        JobColumn::Retries => vec![Term::new("j.retries", descending)],
        JobColumn::Queued => vec![Term::new("j.queued_at", descending)],
        JobColumn::Started => Term::nulls_last("j.started_at", "0", descending).to_vec(),
        JobColumn::Ended => Term::nulls_last("j.ended_at", "0", descending).to_vec(),
        JobColumn::Runtime => {
            Term::nulls_last("(j.ended_at - j.started_at)", "0", descending).to_vec()
        }
    };
    terms.push(Term::new("j.id", true));
    terms
}

impl View<'_> {
    /// One page of jobs, in the order that was asked for.
    ///
    /// # Errors
    /// A page token that is wrong.
    pub fn jobs(
        &self,
        which: &JobQuery,
        max_results: usize,
        token: Option<&str>,
    ) -> StoreResult<SearchPage<Job>> {
        let page = self.job_rows(which, max_results, token)?;
        Ok(SearchPage {
            items: page.items.into_iter().map(|found| found.job).collect(),
            next_page_token: page.next_page_token,
        })
    }

    /// The newest jobs, at most `most`, each with its transitions.
    ///
    /// # Errors
    /// The database's.
    pub fn jobs_with_events(
        &self,
        which: &JobQuery,
        most: usize,
    ) -> StoreResult<Vec<(Job, Vec<JobEvent>)>> {
        let rows = self.job_rows(which, most, None)?.items;
        rows.into_iter().map(|found| Ok((found.job, self.job_events(found.row)?))).collect()
    }

    fn job_rows(
        &self,
        which: &JobQuery,
        max_results: usize,
        token: Option<&str>,
    ) -> StoreResult<SearchPage<JobRow>> {
        let mut filter = vec![Sql::new("1")];
        if !which.states.is_empty() {
            let marks = vec!["?"; which.states.len()].join(", ");
            let states = which.states.iter().map(|state| Value::Text((*state).to_owned()));
            filter.push(Sql::with(format!("j.state IN ({marks})"), states));
        }
        for (column, value) in
            [("q.name", &which.queue), ("j.name", &which.name), ("j.root_id", &which.root)]
        {
            if let Some(value) = value {
                filter.push(Sql::with(format!("{column} = ?"), [Value::Text(value.clone())]));
            }
        }
        if let Some(project) = which.project {
            filter.push(Sql::with("j.project_id = ?".to_owned(), [Value::Integer(project)]));
        }
        filter.extend(which.terms.iter().map(condition));
        let select = Select {
            columns: COLUMNS,
            source: Sql::new(SOURCE),
            filter,
            terms: terms(which.order),
        };
        let question = query::fingerprint(&("jobs", which));
        self.page(&[select], question, token, max_results, &read)
    }
}
