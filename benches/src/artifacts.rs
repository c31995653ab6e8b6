//! W7: files.

use crate::limits;
use crate::options::Options;
use crate::sink;
use crate::stats::{Times, seconds};
use crate::subject::Subject;
use crate::table::{Row, Table, Target};
use anyhow::{Result, ensure};
use branchline_testkit::Peer;

const BYTES: &str = "application/octet-stream";

#[derive(Debug, Clone, Copy)]
struct Figures {
    up: f64,
    down: f64,
    put: f64,
    get: f64,
}

pub(crate) fn measure(options: &Options, table: &mut Table) -> Result<()> {
    if !options.wants("W7") {
        return Ok(());
    }
    let megabytes = options.count(512);
    let (write, read) = limits::file(options, megabytes)?;
    let received = sink::upload(options, megabytes)?;
    let ours = Subject::ours(options, "ours-artifacts")?;
    let mine = figures(&ours, megabytes, options.count(1000))?;
    ours.stop()?;
    // FastTrackML has no such thing.
    let theirs = Subject::each_peer(options, "artifacts", |peer, subject| {
        (peer == Peer::Mlflow).then(|| figures(&subject, megabytes, options.count(100))).transpose()
    })?
    .map(Option::flatten);
    let row = |what, unit, target, pick: fn(&Figures) -> f64, limit| Row {
        workload: "W7",
        what,
        unit,
        target,
        durability: "balanced",
        ours: pick(&mine),
        peers: theirs.each_ref().map(|figures| figures.as_ref().map(pick)),
        limit,
    };
    let down = Target::AtLeast(read.unwrap_or(990.0) * 0.9);
    table.add(row(
        "512 MB up; limit: write and sync",
        "MB/s",
        Target::AtLeast(write * 0.9),
        |f| f.up,
        Some(write),
    ));
    table.add(row(
        "512 MB up; limit: a trivial server, written and synced",
        "MB/s",
        Target::AtLeast(received * 0.9),
        |f| f.up,
        Some(received),
    ));
    table.add(row("512 MB down; limit: read from disk", "MB/s", down, |f| f.down, read));
    table.add(row("10 kB put", "ms", Target::AtMost(0.35), |f| f.put, None));
    table.add(row("10 kB get", "ms", Target::AtMost(0.2), |f| f.get, None));
    Ok(())
}

fn figures(subject: &Subject, megabytes: usize, count: usize) -> Result<Figures> {
    let mut connection = subject.connect()?;
    let (_, folder) = subject.create_run(&mut connection)?;
    let path = |name: &str| format!("/api/2.0/mlflow-artifacts/artifacts/{folder}/{name}");
    let piece = vec![0x5a_u8; 1 << 20];
    let head = subject.head("PUT", &path("big.bin"), BYTES, megabytes << 20);
    let up = megabytes as f64 / seconds(|| connection.send_in_pieces(&head, &piece, megabytes))?;
    let request = subject.get(&path("big.bin"));
    let mut length = 0;
    let down = megabytes as f64
        / seconds(|| {
            length = connection.drain(&request)?;
            Ok(())
        })?;
    ensure!(length == megabytes << 20, "{length} bytes came back");
    let small = piece.get(..10_000).unwrap_or_default();
    let puts: Vec<_> = (0..count)
        .map(|number| subject.request("PUT", &path(&format!("s{number}.bin")), BYTES, small))
        .collect();
    let gets: Vec<_> =
        (0..count).map(|number| subject.get(&path(&format!("s{number}.bin")))).collect();
    let mut connection = subject.connect()?;
    let mut each = |requests: &[crate::http::Request]| -> Result<f64> {
        Ok(Times::of(count, |i| {
            requests.get(i).map_or(Ok(()), |request| connection.call(request).map(drop))
        })?
        .median())
    };
    Ok(Figures { up, down, put: each(&puts)?, get: each(&gets)? })
}
