//! TLS of the server itself, on the same port: from the network nothing else is spoken, and
//! programs of this machine may go on without.

use branchline_core::{Error, Result};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{Error as TlsError, ServerConfig};
use tokio_rustls::server::TlsStream;

/// How long a client may take to say its first word, and to agree on a key.
const PATIENCE: Duration = Duration::from_secs(20);
/// What every TLS connection begins with.
const HANDSHAKE: u8 = 0x16;
const PLAIN: &[u8] = b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: TLS/1.2, HTTP/1.1\r\n\
    Connection: Upgrade, close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 44\r\n\
    \r\nThis server speaks TLS: use an https address";

/// A certificate with its key, ready to be shown.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Where the certificate and its key lie, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, then those that vouch for it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl TlsFiles {
    /// The two settings together: both or none.
    ///
    /// # Errors
    /// Only one of them is set.
    pub fn of(certificate: Option<&str>, key: Option<&str>) -> Result<Option<Self>> {
        match (certificate, key) {
            (Some(certificate), Some(key)) => {
                Ok(Some(Self { certificate: certificate.into(), key: key.into() }))
            }
            (None, None) => Ok(None),
            _ => Err(Error::invalid("A TLS certificate needs its private key, and the key it.")
                .hint("Set server.tls_certificate and server.tls_key, or neither.")),
        }
    }

    /// Reads both.
    ///
    /// # Errors
    /// One cannot be read, holds something else, or they do not belong together.
    pub fn load(&self) -> Result<Tls> {
        let chain = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(|found| found.collect::<Result<Vec<_>, _>>())
            .map_err(|cause| unreadable("certificate", &self.certificate, &cause))?;
        if chain.is_empty() {
            return Err(nothing("certificate", &self.certificate));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|cause| unreadable("private key", &self.key, &cause))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|cause| Error::internal("TLS cannot be used.").source(cause))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|cause| self.refused(cause))?;
        Ok(Tls(TlsAcceptor::from(Arc::new(config))))
    }

    fn refused(&self, cause: TlsError) -> Error {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        let words = match cause {
            TlsError::InconsistentKeys(_) => {
                format!(
                    "The private key '{key}' does not belong to the certificate '{certificate}'."
                )
            }
            _ => format!("The certificate '{certificate}' cannot be used: {cause}."),
        };
        Error::invalid(words)
            .hint("Set server.tls_certificate and server.tls_key to files that belong together.")
            .source(cause)
    }
}

fn nothing(what: &str, path: &Path) -> Error {
    Error::invalid(format!("'{}' holds no {what}.", path.display()))
        .hint(format!("The {what} stands in a PEM file, between lines of `-----BEGIN …-----`."))
}

fn unreadable(what: &str, path: &Path, cause: &PemError) -> Error {
    match cause {
        PemError::Io(cause) => {
            Error::invalid(format!("The {what} '{}' cannot be read: {cause}.", path.display()))
                .hint(
                    "Look at server.tls_certificate and server.tls_key, and at the file's rights.",
                )
        }
        _ => nothing(what, path),
    }
}

/// A connection that may go on.
pub(crate) enum Met {
    /// As it is: a program of this machine.
    Plain(TcpStream),
    /// Over TLS.
    Secret(Box<TlsStream<TcpStream>>),
}

impl Tls {
    /// Lets a client choose; nothing for one that may not go on.
    pub(crate) async fn meet(&self, stream: TcpStream, peer: SocketAddr) -> Option<Met> {
        let mut first = [0];
        match tokio::time::timeout(PATIENCE, stream.peek(&mut first)).await {
            Ok(Ok(1)) if first == [HANDSHAKE] => {}
            Ok(Ok(1)) if peer.ip().to_canonical().is_loopback() => return Some(Met::Plain(stream)),
            Ok(Ok(1)) => {
                refuse(stream).await;
                return None;
            }
            _ => return None,
        }
        match tokio::time::timeout(PATIENCE, self.0.accept(stream)).await {
            Ok(Ok(stream)) => Some(Met::Secret(Box::new(stream))),
            Ok(Err(error)) => {
                tracing::debug!("A TLS handshake failed: {error}");
                None
            }
            Err(_elapsed) => None,
        }
    }
}

/// Says why, to whoever listens.
async fn refuse(mut stream: TcpStream) {
    let mut request = [0; 4096];
    let said = async {
        // What is left unread would take our words away again.
        let _read = stream.read(&mut request).await?;
        stream.write_all(PLAIN).await?;
        stream.shutdown().await
    };
    if !matches!(tokio::time::timeout(PATIENCE, said).await, Ok(Ok(()))) {
        tracing::debug!("A client without TLS went away.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_are_needed_and_what_is_wrong_is_named() {
        let of = |certificate, key| TlsFiles::of(certificate, key);
        assert!(of(None, None).unwrap().is_none());
        assert!(of(Some("c.pem"), None).unwrap_err().message.contains("private key"));
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("empty.pem"), "no PEM\n").unwrap();
        let load = |certificate: &str, key: &str| {
            TlsFiles { certificate: path(certificate), key: path(key) }.load().unwrap_err().message
        };
        assert!(load("none.pem", "empty.pem").contains("none.pem' cannot be read"));
        assert!(load("empty.pem", "empty.pem").contains("empty.pem' holds no certificate"));
    }

    #[test]
    fn the_words_to_clients_without_tls_have_the_length_they_say() {
        let text = std::str::from_utf8(PLAIN).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{head}");
    }
}
