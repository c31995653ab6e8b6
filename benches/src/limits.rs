//! What this machine can do at all, measured in the same run.

use crate::http::{Connection, Request};
use crate::options::Options;
use crate::stats::{Times, on_threads, seconds};
use anyhow::{Context, Result};
use rusqlite::{Connection as Database, params};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A server in a process of its own that answers `{}` to everything at once.
#[derive(Debug)]
pub(crate) struct Floor {
    child: Child,
    address: String,
}

impl Floor {
    pub(crate) fn start() -> Result<Self> {
        let mut child =
            Command::new(std::env::current_exe()?).arg("floor").stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no stdout")?).read_line(&mut line)?;
        Ok(Self { child, address: line.trim().to_owned() })
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    fn request(&self, body: &[u8]) -> Request {
        Request::new("POST", "/", &format!("Host: {}", self.address), "application/json", body)
    }

    /// The median of one small POST, in milliseconds.
    pub(crate) fn latency(&self, count: usize) -> Result<f64> {
        let request = self.request(&[b' '; 180]);
        let mut connection = Connection::open(&self.address)?;
        Ok(Times::of(count, |_| connection.call(&request).map(drop))?.median())
    }

    /// Requests a second of so many clients with bodies of this size.
    pub(crate) fn rate(&self, clients: usize, each: usize, size: usize) -> Result<f64> {
        let request = self.request(&vec![b' '; size]);
        let taken = seconds(|| {
            on_threads(clients, |_| {
                let mut connection = Connection::open(&self.address)?;
                for _ in 0..each {
                    connection.call(&request)?;
                }
                Ok(())
            })
            .map(drop)
        })?;
        Ok((clients * each) as f64 / taken)
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other end of [`Floor`]: a thread a connection.
pub(crate) fn serve_floor() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || answer_forever(stream));
    }
    Ok(())
}

/// Reads a request's head; how long its body is, or nothing at the connection's end.
pub(crate) fn body_length(reader: &mut impl BufRead) -> Result<Option<usize>> {
    let (mut line, mut length) = (String::new(), 0);
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if let Some(value) = line.strip_prefix("Content-Length:") {
            length = value.trim().parse()?;
        }
    }
    Ok(Some(length))
}

fn answer_forever(stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::with_capacity(1 << 16, stream);
    let mut body = Vec::new();
    while let Some(length) = body_length(&mut reader)? {
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
        writer.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        )?;
    }
    Ok(())
}

/// A table as compact as metric points can be.
fn compact(path: &Path, synchronous: &str) -> Result<Database> {
    let database = Database::open(path)?;
    database.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0))?;
    database.execute_batch(&format!(
        "PRAGMA synchronous = {synchronous};
         CREATE TABLE metric (run INTEGER NOT NULL, key INTEGER NOT NULL, step INTEGER NOT NULL,
             timestamp INTEGER NOT NULL, is_nan INTEGER NOT NULL, value REAL NOT NULL,
             PRIMARY KEY (run, key, step, timestamp, is_nan, value)) STRICT, WITHOUT ROWID;"
    ))?;
    Ok(database)
}

/// Rows a second into SQLite, so many of them a transaction, with the given sync mode.
pub(crate) fn sqlite_rows(
    options: &Options,
    rows: usize,
    each: usize,
    synchronous: &str,
) -> Result<f64> {
    let path = options.path(&format!("limit-{rows}-{each}-{synchronous}.db"));
    let mut database = compact(&path, synchronous)?;
    let taken = seconds(|| {
        for first in (0..rows).step_by(each) {
            let transaction = database.transaction()?;
            {
                let mut insert = transaction
                    .prepare_cached("INSERT INTO metric VALUES (1, ?1, ?2, ?3, 0, ?4)")?;
                for row in first..first + each {
                    let step = (row / 10) as i64;
                    insert.execute(params![
                        row as i64 % 10,
                        step,
                        1_700_000_000_000 + step * 50,
                        1.0 / (row as f64 + 2.0)
                    ])?;
                }
            }
            transaction.commit()?;
        }
        Ok(())
    })?;
    Ok(rows as f64 / taken)
}

/// The median of appending 4 kB to a file and syncing it, in milliseconds.
pub(crate) fn append_and_sync(options: &Options, count: usize) -> Result<f64> {
    let mut file = File::create(options.path("append.bin"))?;
    let block = [7_u8; 4096];
    Ok(Times::of(count, |_| {
        file.write_all(&block)?;
        file.sync_data()?;
        Ok(())
    })?
    .median())
}

/// Megabytes a second of writing a file with a sync at its end, and of reading it from the
/// disk past every cache.
pub(crate) fn file(options: &Options, megabytes: usize) -> Result<(f64, Option<f64>)> {
    let path = options.path("file.bin");
    let block = vec![0x5a_u8; 1 << 20];
    let write = seconds(|| {
        let mut file = File::create(&path)?;
        for _ in 0..megabytes {
            file.write_all(&block)?;
        }
        file.sync_all()?;
        Ok(())
    })?;
    let from = format!("if={}", path.display());
    let mut read_whole = false;
    let read = seconds(|| {
        let dd = Command::new("dd").args([&from, "of=/dev/null", "bs=4M", "iflag=direct"]).output();
        read_whole = dd.is_ok_and(|output| output.status.success());
        Ok(())
    })?;
    std::fs::remove_file(&path)?;
    Ok((megabytes as f64 / write, read_whole.then_some(megabytes as f64 / read)))
}
