//! What a server could make of an upload at all: a trivial one receives the same bytes over the
//! same kind of connection, writes them to a file with the disk at work meanwhile, and answers
//! once they are synced. It shares this machine's cores with the client, as any server does.

use crate::http::{Connection, Request};
use crate::options::Options;
use crate::stats::seconds;
use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::thread;

/// How much is read at once, and after how much the disk is made to begin.
const PIECE: usize = 1 << 18;
const STRETCH: usize = 8 << 20;

/// Megabytes a second, the best of three: a limit is what can be reached.
pub(crate) fn upload(options: &Options, megabytes: usize) -> Result<f64> {
    let rates: Vec<f64> = (0..3).map(|_| once(options, megabytes)).collect::<Result<_>>()?;
    Ok(rates.into_iter().fold(0.0, f64::max))
}

fn once(options: &Options, megabytes: usize) -> Result<f64> {
    let path = options.path("sink.bin");
    let mut child = Command::new(std::env::current_exe()?)
        .arg("sink")
        .arg(&path)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut address = String::new();
    BufReader::new(child.stdout.take().context("no stdout")?).read_line(&mut address)?;
    let address = address.trim();
    let mut connection = Connection::open(address)?;
    let field = format!("Host: {address}");
    let head = Request::head("PUT", "/", &field, "application/octet-stream", megabytes << 20);
    let piece = vec![0x5a_u8; 1 << 20];
    let taken = seconds(|| connection.send_in_pieces(&head, &piece, megabytes))?;
    ensure!(child.wait()?.success(), "the trivial server failed");
    ensure!(std::fs::metadata(&path)?.len() == (megabytes << 20) as u64, "bytes are missing");
    std::fs::remove_file(&path)?;
    Ok(megabytes as f64 / taken)
}

/// The other end: one upload, and the end.
pub(crate) fn serve(path: &Path) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(1 << 12, stream.try_clone()?);
    let mut left = crate::limits::body_length(&mut reader)?.context("no request")?;
    let mut file = File::create(path)?;
    let (begin, begun) = sync_channel::<()>(1);
    let written = file.try_clone()?;
    let syncing = thread::spawn(move || begun.iter().try_for_each(|()| written.sync_data()));
    let (mut piece, mut stretch) = (vec![0; PIECE], 0);
    while left > 0 {
        let room = PIECE.min(left);
        let read = reader.read(piece.get_mut(..room).unwrap_or_default())?;
        ensure!(read > 0, "the client closed the connection");
        file.write_all(piece.get(..read).unwrap_or_default())?;
        (left, stretch) = (left - read, stretch + read);
        if stretch >= STRETCH {
            stretch = 0;
            let _ = begin.try_send(());
        }
    }
    drop(begin);
    syncing.join().ok().context("the syncing thread failed")??;
    file.sync_all()?;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
    Ok(())
}
