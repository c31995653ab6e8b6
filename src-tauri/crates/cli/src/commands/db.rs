//! `branchline db`.

use crate::args::{Db, DbAction, Globals};
use crate::backend::{Backend, data_dir};
use crate::failure::{Done, Exit, Failure};
use crate::output::{OK, Output, failed, table};
use crate::time::read_past;
use branchline_client::{DatabaseStatus, EmptiedTrash, QueryRows};
use branchline_core::{Clock, SystemClock};
use branchline_engine::Engine;
use branchline_engine::instance::OwnerLock;
use serde::Serialize;
use serde_json::Value;
use std::path::Path;

pub(crate) async fn run(globals: &Globals, args: Db, output: &Output) -> Done {
    match args.action {
        DbAction::Backup { file } => backup(globals, &file, output).await,
        DbAction::Restore { file } => restore(globals, &file, output),
        DbAction::Check => check(globals, output).await,
        DbAction::Migrate => migrate(globals, output).await,
        DbAction::Status => status(globals, output).await,
        DbAction::Gc { older_than, dry_run } => {
            gc(globals, older_than.as_deref(), dry_run, output).await
        }
        DbAction::Reindex => reindex(globals, output).await,
        DbAction::Query { sql, limit } => {
            query(globals, &sql, usize::try_from(limit).unwrap_or(usize::MAX), output).await
        }
    }
}

/// A backend over a database that exists: looking at it must not make one.
async fn existing(globals: &Globals) -> Result<Backend, Failure> {
    let database = data_dir(globals)?.database();
    if !database.exists() {
        return Err(Failure::new(
            Exit::NotFound,
            format!("There is no database at '{}' yet.", database.display()),
        )
        .hint("`branchline serve` or the app makes it; --data-dir names another folder."));
    }
    Backend::open(globals).await
}

async fn backup(globals: &Globals, file: &Path, output: &Output) -> Done {
    // The server's working directory is another one.
    let file = std::path::absolute(file)?;
    let backend = existing(globals).await?;
    let done = backend.backup(&file).await?;
    backend.close().await;
    output.data(&done, |done| done.path.clone())?;
    output.remark(format!("Backed up {}.", size(done.size_bytes)));
    Ok(OK)
}

#[derive(Serialize)]
struct Restored {
    database: String,
    kept: Option<String>,
}

fn restore(globals: &Globals, file: &Path, output: &Output) -> Done {
    let data_dir = data_dir(globals)?;
    if !file.exists() {
        return Err(Failure::new(Exit::NotFound, format!("There is no '{}'.", file.display())));
    }
    // Asked for its answer only: the engine takes the lock itself.
    drop(OwnerLock::acquire(&data_dir)?);
    let kept = Engine::restore(data_dir.root(), file)?;
    let restored = Restored {
        database: data_dir.database().display().to_string(),
        kept: kept.map(|path| path.display().to_string()),
    };
    output.data(&restored, |restored| restored.database.clone())?;
    if let Some(kept) = &restored.kept {
        output.remark(format!("The database of before is kept as {kept}."));
    }
    output.remark("Artifacts are files in the data folder; they were not touched.");
    Ok(OK)
}

async fn check(globals: &Globals, output: &Output) -> Done {
    let backend = existing(globals).await?;
    let done = backend.check().await?;
    backend.close().await;
    output.data(&done, |done| match done.ok {
        true => "ok".to_owned(),
        false => done.problems.join("\n"),
    })?;
    if done.ok {
        return Ok(OK);
    }
    output.remark("hint: `branchline db restore FILE` brings back a backup");
    Ok(failed())
}

async fn migrate(globals: &Globals, output: &Output) -> Done {
    // Opening migrates, and a server has opened it.
    let backend = Backend::open(globals).await?;
    let status = backend.status().await?;
    backend.close().await;
    output.data(&status, |_| String::new())?;
    let newest = status.migrations.iter().filter(|m| m.applied).map(|m| m.version).max();
    output.remark(format!("The database is up to date (version {}).", newest.unwrap_or(0)));
    Ok(OK)
}

async fn status(globals: &Globals, output: &Output) -> Done {
    let backend = existing(globals).await?;
    let status = backend.status().await?;
    backend.close().await;
    output.data(&status, status_text)?;
    Ok(OK)
}

async fn gc(globals: &Globals, age: Option<&str>, dry_run: bool, output: &Output) -> Done {
    let now = SystemClock.now_ms();
    let before = age.map(|age| read_past(age, now)).transpose();
    let before = before.map_err(|why| Failure::new(Exit::Usage, why))?;
    let backend = existing(globals).await?;
    let gone = backend.empty_trash(before, dry_run).await?;
    backend.close().await;
    output.data(&gone, gone_text)?;
    match (gone.dry_run, gone.experiments + gone.runs + gone.logged_models) {
        (_, 0) => output.remark("There is nothing to remove."),
        (true, _) => output.remark("Nothing was removed: leave out --dry-run to do it."),
        (false, _) => output.remark("The database keeps its size and uses the space again."),
    }
    if gone.kept > 0 {
        output.remark(format!(
            "{} stay in the trash because registered model versions were made from them.",
            gone.kept
        ));
    }
    if gone.elsewhere > 0 {
        output.remark(format!(
            "Files of {} stay where a client keeps them: this server cannot remove them.",
            gone.elsewhere
        ));
    }
    Ok(OK)
}

fn gone_text(gone: &EmptiedTrash) -> String {
    format!(
        "experiments\t{}\nruns\t{}\nlogged models\t{}\ndatabase\t{}\nartifacts\t{}\n",
        gone.experiments,
        gone.runs,
        gone.logged_models,
        size(gone.database_bytes),
        size(gone.artifact_bytes)
    )
}

async fn reindex(globals: &Globals, output: &Output) -> Done {
    let backend = existing(globals).await?;
    backend.rebuild_index().await?;
    backend.close().await;
    output.remark("The index of words was made anew.");
    Ok(OK)
}

fn status_text(status: &DatabaseStatus) -> String {
    let rows: Vec<Vec<String>> = status
        .migrations
        .iter()
        .map(|migration| {
            let state = if migration.applied { "applied" } else { "pending" };
            vec![migration.version.to_string(), migration.name.clone(), state.to_owned()]
        })
        .collect();
    format!(
        "{}\nsize\t{}\nwrite-ahead log\t{}\nidentity\t{}\nchanges\t{}\n",
        table(&["version", "migration", "state"], &rows),
        size(status.db_bytes),
        size(status.wal_bytes),
        status.store_uuid,
        status.cursor
    )
}

async fn query(globals: &Globals, sql: &str, limit: usize, output: &Output) -> Done {
    let backend = existing(globals).await?;
    let rows = backend.query(sql, limit).await?;
    backend.close().await;
    output.data(&rows, rows_text)?;
    if rows.truncated {
        output.remark(format!("There are more than {limit} rows: see --limit."));
    }
    Ok(OK)
}

fn rows_text(found: &QueryRows) -> String {
    let header: Vec<&str> = found.columns.iter().map(String::as_str).collect();
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let rows: Vec<Vec<String>> =
        found.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    table(&header, &rows)
}

/// Bytes as people read them.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    let mut tenths = bytes / 100;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_by_people() {
        assert_eq!(size(0), "0 bytes");
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1000), "1.0 kB");
        assert_eq!(size(999_999), "999.9 kB");
        assert_eq!(size(1_000_000), "1.0 MB");
        assert_eq!(size(1_234_567_890), "1.2 GB");
    }
}
