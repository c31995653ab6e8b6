//! What a trace is linked to: runs, before it comes too, and versions of prompts.

use crate::error::StoreResult;
use crate::experiment::owner;
use crate::tx::WriteTx;
use branchline_core::{Actor, RunId, TraceId};
use rusqlite::params;

impl WriteTx<'_> {
    /// Links a trace to a run; again is fine.
    ///
    /// # Errors
    /// The database's.
    pub fn link_trace_to_run(&mut self, row: i64, run: &RunId) -> StoreResult<()> {
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO trace_run (trace_id, run_id) VALUES (?1, ?2)")?
            .execute(params![row, run.as_str()])?;
        Ok(())
    }

    /// Links a trace that has not come yet to a run; again is fine.
    ///
    /// # Errors
    /// The database's.
    pub fn link_trace_to_come(
        &mut self,
        id: &TraceId,
        run: &RunId,
        actor: &Actor,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "INSERT OR IGNORE INTO trace_link (trace_id, run_id, created_by, created_at)
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![id.as_str(), run.as_str(), owner(actor), self.now()])?;
        Ok(())
    }

    /// Links a trace that has just come as its maker wanted before.
    pub(crate) fn take_links(&self, id: &TraceId, row: i64, actor: &Actor) -> StoreResult<()> {
        let taken = self
            .connection
            .prepare_cached(
                "INSERT OR IGNORE INTO trace_run (trace_id, run_id)
                 SELECT ?2, run_id FROM trace_link WHERE trace_id = ?1 AND created_by IS ?3",
            )?
            .execute(params![id.as_str(), row, owner(actor)])?;
        if taken > 0 {
            self.connection
                .prepare_cached("DELETE FROM trace_link WHERE trace_id = ?1")?
                .execute([id.as_str()])?;
        }
        Ok(())
    }

    /// Notes that a trace used a version of a prompt; again is fine.
    ///
    /// # Errors
    /// The database's.
    pub fn link_trace_to_prompt(&mut self, row: i64, name: &str, version: &str) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "INSERT OR IGNORE INTO trace_prompt (trace_id, name, version) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![row, name, version])?;
        Ok(())
    }
}
