//! By what a list of jobs is ordered.

use crate::error::{Error, Result};

/// What jobs can be ordered by: fields of the record, and `title`, which is what a person
/// reads of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobColumn {
    /// The state's name.
    Status,
    /// The command, or the name of what has none or is a project's.
    Title,
    /// The task's name.
    Name,
    /// The queue's name.
    Queue,
    /// 0 to 9.
    Priority,
    /// Attempts that were tried again.
    Retries,
    /// When it was asked for.
    Queued,
    /// When its newest attempt started.
    Started,
    /// When it ended.
    Ended,
    /// How long its newest attempt took.
    Runtime,
}

const COLUMNS: [(&str, JobColumn); 10] = [
    ("status", JobColumn::Status),
    ("title", JobColumn::Title),
    ("name", JobColumn::Name),
    ("queue", JobColumn::Queue),
    ("priority", JobColumn::Priority),
    ("retries", JobColumn::Retries),
    ("queued_at", JobColumn::Queued),
    ("started_at", JobColumn::Started),
    ("ended_at", JobColumn::Ended),
    ("runtime", JobColumn::Runtime),
];

/// An order; jobs that are the same in it stand newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JobOrder {
    /// By what.
    pub column: JobColumn,
    /// The greatest first.
    pub descending: bool,
}

impl JobOrder {
    /// Reads `runtime`, `runtime ASC` or `runtime DESC`.
    ///
    /// # Errors
    /// It is none of these, or of a field that jobs are not ordered by.
    pub fn parse(text: &str) -> Result<Self> {
        let mut words = text.split_whitespace();
        let name = words.next().unwrap_or_default();
        let descending = match words.next().map(str::to_ascii_lowercase).as_deref() {
            None | Some("asc") => Some(false),
            Some("desc") => Some(true),
            Some(_) => None,
        };
        let column = COLUMNS.iter().find(|(known, _)| *known == name).map(|(_, column)| *column);
        match (column, descending, words.next()) {
            (Some(column), Some(descending), None) => Ok(Self { column, descending }),
            _ => {
                let names = COLUMNS.map(|(name, _)| name).join(", ");
                Err(Error::invalid(format!(
                    "Jobs are not ordered by '{text}': name one of {names}, with ASC or DESC behind it."
                )))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f2_an_order_is_a_known_field_and_a_direction() {
        let order = |column, descending| JobOrder { column, descending };
        assert_eq!(JobOrder::parse("runtime").unwrap(), order(JobColumn::Runtime, false));
        assert_eq!(JobOrder::parse("queued_at desc").unwrap(), order(JobColumn::Queued, true));
        assert_eq!(JobOrder::parse(" queue  ASC ").unwrap(), order(JobColumn::Queue, false));
        for odd in ["", "args", "runtime down", "runtime DESC, name", "j.id; DROP TABLE job"] {
            assert!(JobOrder::parse(odd).unwrap_err().message.contains("queued_at"), "{odd}");
        }
    }
}
