//! `branchline logs`: reads the files, so it works whoever owns the data folder. A job's log is
//! asked for as `branchline jobs logs` does.

use crate::args::{Globals, Level, Logs};
use crate::backend::data_dir;
use crate::failure::{Done, Failure};
use crate::output::{OK, Output};
use crate::platform;
use branchline_server::logs::{Follower, Parts, tail};
use serde_json::json;
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(200);

impl From<Level> for tracing::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

pub(crate) async fn run(globals: &Globals, args: &Logs, output: &Output) -> Done {
    if let Some(job) = &args.job {
        return super::jobs::show_log(globals, job, args.follow).await;
    }
    let dir = data_dir(globals)?.logs();
    let level = args.level.map(Into::into);
    let unreadable = |cause: std::io::Error| {
        Failure::failed(format!("Cannot read the log in '{}': {cause}.", dir.display()))
    };
    let mut follower = match args.follow {
        true => Some(Follower::new(&dir, level).map_err(unreadable)?),
        false => None,
    };
    write(&tail(&dir, args.lines, level).map_err(unreadable)?, output)?;
    if let Some(follower) = &mut follower {
        let stop = platform::stop_signal();
        tokio::pin!(stop);
        while tokio::time::timeout(PAUSE, &mut stop).await.is_err() {
            write(&follower.poll().map_err(unreadable)?, output)?;
        }
    }
    Ok(OK)
}

fn write(lines: &[String], output: &Output) -> Result<(), Failure> {
    for line in lines {
        if output.is_json() {
            output.line(&as_json(line))?;
        } else {
            output.line(line)?;
        }
    }
    Ok(())
}

/// One object a line; a line that goes on from the one before it has a message only.
fn as_json(line: &str) -> String {
    match Parts::of(line) {
        Some(parts) => json!({
            "time": parts.time,
            "level": parts.level.as_str(),
            "target": parts.target,
            "message": parts.message,
        }),
        None => json!({ "message": line }),
    }
    .to_string()
}
