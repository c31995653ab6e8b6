//! One kept-alive connection, as thin as can be: the time measured is the server's.

use anyhow::{Context, Result, bail, ensure};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A connection, and the buffer that answers are read into.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    read: usize,
}

/// A request as bytes, built outside the timed part.
#[derive(Debug, Clone)]
pub(crate) struct Request(Vec<u8>);

impl Request {
    /// `fields` are further header lines, without the last line end.
    pub(crate) fn new(method: &str, path: &str, fields: &str, kind: &str, body: &[u8]) -> Self {
        let mut bytes = Self::head(method, path, fields, kind, body.len());
        bytes.extend_from_slice(body);
        Self(bytes)
    }

    /// The bytes before a body that is sent separately.
    pub(crate) fn head(
        method: &str,
        path: &str,
        fields: &str,
        kind: &str,
        length: usize,
    ) -> Vec<u8> {
        let line = format!("{method} {path} HTTP/1.1\r\n{fields}\r\n");
        format!("{line}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n").into_bytes()
    }
}

impl Connection {
    pub(crate) fn open(address: &str) -> Result<Self> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("cannot reach {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        Ok(Self { stream, buffer: vec![0; 1 << 16], read: 0 })
    }

    /// Sends a request and reads its answer's body; anything but 2xx is an error.
    pub(crate) fn call(&mut self, request: &Request) -> Result<&[u8]> {
        self.stream.write_all(&request.0)?;
        self.answer()
    }

    /// Sends a head and then a body in pieces.
    pub(crate) fn send_in_pieces(&mut self, head: &[u8], piece: &[u8], times: usize) -> Result<()> {
        self.stream.write_all(head)?;
        for _ in 0..times {
            self.stream.write_all(piece)?;
        }
        self.answer()?;
        Ok(())
    }

    /// Sends a request and counts the bytes of its answer without keeping them.
    pub(crate) fn drain(&mut self, request: &Request) -> Result<usize> {
        self.stream.write_all(&request.0)?;
        let (length, start) = self.head()?;
        let length = length.context("a download without a length")?;
        let mut left = length - (self.read - start);
        let mut sink = vec![0; 1 << 20];
        while left > 0 {
            let room = sink.len().min(left);
            let got = self.stream.read(sink.get_mut(..room).unwrap_or_default())?;
            ensure!(got > 0, "the download was cut");
            left -= got;
        }
        self.read = 0;
        Ok(length)
    }

    fn answer(&mut self) -> Result<&[u8]> {
        let (length, start) = self.head()?;
        match length {
            Some(length) => {
                while self.read < start + length {
                    self.fill()?;
                }
                self.read = 0;
                Ok(self.buffer.get(start..start + length).unwrap_or_default())
            }
            None => self.chunks(start),
        }
    }

    /// Reads to the end of the head; the body's length, if told, and where it starts.
    fn head(&mut self) -> Result<(Option<usize>, usize)> {
        self.read = 0;
        let end = loop {
            self.fill()?;
            if let Some(end) = find(self.filled(), b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head =
            String::from_utf8_lossy(self.filled().get(..end).unwrap_or_default()).into_owned();
        let length = header(&head, "content-length").and_then(|value| value.parse().ok());
        if head.split(' ').nth(1).is_some_and(|status| status.starts_with('2')) {
            let chunked = header(&head, "transfer-encoding").is_some();
            return Ok((if chunked { None } else { Some(length.unwrap_or(0)) }, end));
        }
        while length.is_some_and(|length| self.read < end + length) {
            self.fill()?;
        }
        bail!("{}", String::from_utf8_lossy(self.filled()));
    }

    fn chunks(&mut self, start: usize) -> Result<&[u8]> {
        let (mut at, mut body) = (start, Vec::new());
        loop {
            let line = loop {
                let rest = self.filled().get(at..).unwrap_or_default();
                if let Some(line) = find(rest, b"\r\n") {
                    break line;
                }
                self.fill()?;
            };
            let text =
                String::from_utf8_lossy(self.filled().get(at..at + line).unwrap_or_default())
                    .into_owned();
            let size = usize::from_str_radix(text.trim(), 16)?;
            at += line + 2;
            while self.read < at + size + 2 {
                self.fill()?;
            }
            if size == 0 {
                break;
            }
            body.extend_from_slice(self.filled().get(at..at + size).unwrap_or_default());
            at += size + 2;
        }
        self.read = 0;
        self.buffer.truncate(0);
        self.buffer.extend_from_slice(&body);
        let length = body.len();
        self.buffer.resize(length.max(1 << 16), 0);
        Ok(self.buffer.get(..length).unwrap_or_default())
    }

    fn filled(&self) -> &[u8] {
        self.buffer.get(..self.read).unwrap_or_default()
    }

    fn fill(&mut self) -> Result<()> {
        if self.read == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let got = self.stream.read(self.buffer.get_mut(self.read..).unwrap_or_default())?;
        ensure!(got > 0, "the server closed the connection");
        self.read += got;
        Ok(())
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let same =
        |line: &&str| line.split_once(':').is_some_and(|(key, _)| key.eq_ignore_ascii_case(name));
    head.lines().find(same).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
}
