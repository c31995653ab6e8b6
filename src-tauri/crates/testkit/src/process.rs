//! Processes: their first words, their end, their memory.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, ExitStatus};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// The first line that a program writes to stdout.
pub(crate) fn first_line(stdout: ChildStdout, patience: Duration) -> Result<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(stdout);
        let mut line = String::new();
        let read = reader.read_line(&mut line);
        // Nobody waits any more when the patience is over.
        let _ = sender.send(read.map(|_| line));
        // Keeps the pipe open and empty, so that the program never stumbles over it.
        let _ = std::io::copy(&mut reader, &mut std::io::sink());
    });
    let line = receiver.recv_timeout(patience).context("no line on stdout in time")??;
    Ok(line.trim().to_owned())
}

/// Asks a process to end as a service manager would, and waits for it.
///
/// # Errors
/// When it cannot be asked or does not end within a minute.
pub fn terminate(child: &mut Child) -> Result<ExitStatus> {
    if let Some(status) = child.try_wait()? {
        return Ok(status);
    }
    let asked = Command::new("kill").args(["-TERM", &child.id().to_string()]).status()?;
    if !asked.success() {
        bail!("could not signal process {}", child.id());
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        thread::park_timeout(Duration::from_millis(2));
    }
    bail!("process {} did not end when asked", child.id())
}

/// What a process and its descendants share fairly of the machine's memory (PSS), in
/// bytes, and how many processes that are. Linux only.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn memory_of_tree(pid: u32) -> Result<(u64, usize)> {
    let mut pids = vec![pid];
    let mut next = 0;
    while let Some(&parent) = pids.get(next) {
        for task in std::fs::read_dir(format!("/proc/{parent}/task"))?.flatten() {
            let children =
                std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            pids.extend(children.split_whitespace().filter_map(|text| text.parse::<u32>().ok()));
        }
        next += 1;
    }
    let mut bytes = 0;
    for process in &pids {
        let text = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss")?;
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
        bytes += kilobytes * 1024;
    }
    Ok((bytes, pids.len()))
}
