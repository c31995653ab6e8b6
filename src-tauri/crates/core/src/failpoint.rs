//! Named places where a test makes the program fail or die, instead of sleeping
//! and hoping. Compiled out of release builds.

use crate::error::{Error, Result};

/// Reads `BRANCHLINE_FAILPOINTS=name=action,…` once. Actions: `error` answers an
/// internal error, `full` answers as a full disk does, `full:FILE` does so while there is
/// that file, `abort` kills the process.
fn action(name: &str) -> Option<&'static str> {
    static POINTS: std::sync::OnceLock<Vec<(String, String)>> = std::sync::OnceLock::new();
    POINTS
        .get_or_init(|| {
            std::env::var("BRANCHLINE_FAILPOINTS")
                .unwrap_or_default()
                .split(',')
                .filter_map(|part| part.split_once('='))
                .map(|(name, action)| (name.to_owned(), action.to_owned()))
                .collect()
        })
        .iter()
        .find(|(point, _)| point == name)
        .map(|(_, action)| action.as_str())
}

/// Does at `name` what the environment asks for; nothing by default.
///
/// # Errors
/// The failure that was asked for.
pub fn hit(name: &str) -> Result<()> {
    match action(name) {
        None => Ok(()),
        Some("abort") => std::process::abort(),
        Some("full") => Err(full()),
        Some(action) if action.starts_with("full:") => {
            let file = action.trim_start_matches("full:");
            if std::path::Path::new(file).exists() { Err(full()) } else { Ok(()) }
        }
        Some(_) => Err(Error::internal(format!("Fail-point '{name}' was hit."))),
    }
}

fn full() -> Error {
    Error::new(
        crate::ErrorCode::StorageFull,
        "There is no space left on the disk that holds the data folder.",
    )
}

/// Marks a fail-point: `failpoint!("store::commit")?`. Does nothing in release builds.
#[macro_export]
macro_rules! failpoint {
    ($name:literal) => {
        if cfg!(debug_assertions) { $crate::failpoint::hit($name) } else { Ok(()) }
    };
}
