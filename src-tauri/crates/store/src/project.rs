//! Projects: folders whose code runs as jobs.

use crate::change::{Kind, Op};
use crate::error::StoreResult;
use crate::experiment::owner;
use crate::tx::{View, WriteTx};
use branchline_core::event::EventKind;
use branchline_core::{Actor, Error, new_uid};
use rusqlite::{OptionalExtension, Row, params};

/// A folder whose code runs as jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Row.
    pub id: i64,
    /// 1 to 250 characters; no other project's.
    pub name: String,
    /// Its folder, absolute.
    pub path: String,
    /// The Python that was chosen; found in the folder when absent.
    pub interpreter: Option<String>,
    /// Milliseconds UTC.
    pub created_at: i64,
    /// Milliseconds UTC.
    pub updated_at: i64,
}

const PROJECT: &str = "SELECT id, name, path, interpreter, created_at, updated_at FROM project";

fn read(row: &Row<'_>) -> rusqlite::Result<Project> {
    Ok(Project {
        id: row.get(0)?,
        name: row.get(1)?,
        path: row.get(2)?,
        interpreter: row.get(3)?,
        created_at: row.get(4)?,
        updated_at: row.get(5)?,
    })
}

impl View<'_> {
    /// A project.
    ///
    /// # Errors
    /// There is none.
    pub fn project(&self, id: i64) -> StoreResult<Project> {
        self.connection
            .prepare_cached(&format!("{PROJECT} WHERE id = ?1"))?
            .query_row([id], read)
            .optional()?
            .ok_or_else(|| Error::not_found(format!("There is no project {id}.")).into())
    }

    /// A project by its name or its folder.
    ///
    /// # Errors
    /// The database's.
    pub fn project_called(&self, name: &str, path: &str) -> StoreResult<Option<Project>> {
        Ok(self
            .connection
            .prepare_cached(&format!("{PROJECT} WHERE name = ?1 OR path = ?2 ORDER BY name <> ?1"))?
            .query_row([name, path], read)
            .optional()?)
    }

    /// The projects, by name.
    ///
    /// # Errors
    /// The database's.
    pub fn projects(&self) -> StoreResult<Vec<Project>> {
        let mut statement =
            self.connection.prepare_cached(&format!("{PROJECT} ORDER BY name, id"))?;
        let rows = statement.query_map([], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

impl WriteTx<'_> {
    /// Makes a project.
    ///
    /// # Errors
    /// Its name or its folder is another's.
    pub fn insert_project(
        &mut self,
        actor: &Actor,
        name: &str,
        path: &str,
        interpreter: Option<&str>,
    ) -> StoreResult<Project> {
        self.check_project_free(name, path, 0)?;
        self.connection
            .prepare_cached(
                "INSERT INTO project (uid, name, path, interpreter, created_at, updated_at,
                     created_by) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)",
            )?
            .execute(params![new_uid(), name, path, interpreter, self.now(), owner(actor)])?;
        let id = self.connection.last_insert_rowid();
        self.project_changed(actor, id, None, Op::Create)?;
        self.project(id)
    }

    fn check_project_free(&self, name: &str, path: &str, except: i64) -> StoreResult<()> {
        match self.project_called(name, path)? {
            Some(other) if other.id != except => Err(Error::already_exists(format!(
                "Project '{}' is already there, for the folder '{}'.",
                other.name, other.path
            ))
            .hint("Give it another name.")
            .into()),
            _ => Ok(()),
        }
    }

    /// Writes a project as it is now.
    ///
    /// # Errors
    /// There is none; its name is another's.
    pub fn update_project(&mut self, actor: &Actor, project: &Project) -> StoreResult<Project> {
        self.check_project_free(&project.name, "", project.id)?;
        self.connection
            .prepare_cached(
                "UPDATE project SET name = ?2, interpreter = ?3, updated_at = ?4 WHERE id = ?1",
            )?
            .execute(params![project.id, project.name, project.interpreter, self.now()])?;
        self.project_changed(actor, project.id, None, Op::Set)?;
        self.project(project.id)
    }

    /// Forgets a project; its folder stays, and so do its jobs.
    ///
    /// # Errors
    /// There is none.
    pub fn delete_project(&mut self, actor: &Actor, id: i64) -> StoreResult<()> {
        let project = self.project(id)?;
        self.connection.prepare_cached("DELETE FROM project WHERE id = ?1")?.execute([id])?;
        self.project_changed(actor, id, Some(&project.name), Op::Erase)
    }

    /// Tells those who watch that a project offers something else: its files changed.
    ///
    /// # Errors
    /// The database's.
    pub fn project_offers_else(&mut self, actor: &Actor, id: i64) -> StoreResult<()> {
        self.project_changed(actor, id, None, Op::Set)
    }

    fn project_changed(
        &mut self,
        actor: &Actor,
        id: i64,
        name: Option<&str>,
        op: Op,
    ) -> StoreResult<()> {
        let seq = self.record(actor, Kind::Project, id, name, op)?;
        self.notify(seq, EventKind::Project(id));
        Ok(())
    }
}
