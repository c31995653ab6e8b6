//! One attempt to tell a webhook. Redirects are not followed: where they lead was not
//! checked, and what is sent was signed for somebody else.

use super::address::Target;
use super::{WebhookRules, sign};
use crate::told;
use branchline_core::{Clock, Error, Result, SystemClock};
use branchline_engine::Delivery;
use bytes::Bytes;
use http::{HeaderMap, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// How much of an answer is read.
const MOST_READ: usize = 64 * 1024;
/// How long one of several addresses of a name may take to connect.
const CONNECT: Duration = Duration::from_secs(10);

/// What a receiver answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The start of the body.
    pub(crate) body: String,
    /// How long it asks to be left alone.
    pub(crate) retry_after: Option<Duration>,
}

impl Sent {
    /// Whether it did not take what it was told.
    pub(crate) fn is_refusal(&self) -> bool {
        self.status >= 400
    }

    /// What it answered.
    pub(crate) fn words(&self) -> String {
        format!("It answered {}.", self.status)
    }
}

/// Tells webhooks.
pub(crate) struct Sender {
    rules: WebhookRules,
    /// What links begin with.
    base: String,
    tls: OnceLock<TlsConnector>,
}

impl Sender {
    pub(crate) fn new(rules: WebhookRules, base: String) -> Self {
        Self { rules, base, tls: OnceLock::new() }
    }

    pub(super) fn rules(&self) -> &WebhookRules {
        &self.rules
    }

    /// Makes one attempt.
    ///
    /// # Errors
    /// The address is not allowed, nobody answers, or not in time.
    pub(crate) async fn send(&self, delivery: &Delivery) -> Result<Sent> {
        let attempt = self.attempt(delivery);
        match tokio::time::timeout(self.rules.timeout, attempt).await {
            Ok(outcome) => outcome,
            Err(_) => Err(failed(format!(
                "There was no answer within {} seconds.",
                self.rules.timeout.as_secs()
            ))),
        }
    }

    async fn attempt(&self, delivery: &Delivery) -> Result<Sent> {
        let target = Target::read(&delivery.address, &self.rules)?;
        let addresses = target.resolve(&self.rules).await?;
        let stream = connect(&addresses).await?;
        let text = delivery.told.as_ref().map(|told| told::text(told, &self.base));
        let request = request(&target, delivery, text.as_deref())?;
        if !target.secure {
            return exchange(stream, request).await;
        }
        let name = ServerName::try_from(target.host.clone())
            .map_err(|error| Error::invalid(format!("'{}': {error}", target.host)))?;
        let stream = self.tls()?.connect(name, stream).await.map_err(|error| {
            failed(format!("No TLS connection to {}: {error}", target.authority))
        })?;
        exchange(stream, request).await
    }

    /// TLS with the certificates that the machine trusts, read when first needed.
    fn tls(&self) -> Result<&TlsConnector> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls);
        }
        let config = branchline_engine::tls::client_config()?;
        Ok(self.tls.get_or_init(|| TlsConnector::from(Arc::new(config))))
    }
}

fn failed(words: String) -> Error {
    Error::new(branchline_core::ErrorCode::TemporarilyUnavailable, words)
}

/// The first address that answers.
async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream> {
    let mut last = failed("There is no address to connect to.".to_owned());
    for address in addresses {
        match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = failed(format!("No connection to {address}: {error}")),
            Err(_) => last = failed(format!("No connection to {address} in time.")),
        }
    }
    Err(last)
}

fn request(
    target: &Target,
    delivery: &Delivery,
    text: Option<&str>,
) -> Result<Request<Full<Bytes>>> {
    let unmade = |error: &dyn std::fmt::Display| {
        Error::internal(format!("The request to {} cannot be made: {error}", target.authority))
    };
    let body = sign::body(delivery, text).map_err(|error| unmade(&error))?;
    // Of this attempt, so that a receiver that refuses old ones takes a late delivery.
    let timestamp = (SystemClock.now_ms() / 1000).to_string();
    let mut request = Request::post(&target.path)
        .header(header::HOST, &target.authority)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("branchline/", env!("CARGO_PKG_VERSION")))
        .header("X-MLflow-Delivery-Id", &delivery.delivery_id)
        .header("X-MLflow-Timestamp", &timestamp);
    if let Some(secret) = &delivery.secret {
        let signature = sign::signature(secret, &delivery.delivery_id, &timestamp, &body);
        request = request.header("X-MLflow-Signature", signature);
    }
    request.body(Full::from(body)).map_err(|error| unmade(&error))
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Sent>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |error: hyper::Error| failed(format!("The connection broke off: {error}"));
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let answer = async {
        let (head, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
        // What is longer is cut, and so is what breaks off: the status says it all.
        let body = Limited::new(body, MOST_READ).collect().await;
        let text = body.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
        Ok(Sent {
            status: head.status.as_u16(),
            body: String::from_utf8_lossy(&text).into_owned(),
            retry_after: retry_after(&head.headers),
        })
    };
    tokio::pin!(connection, answer);
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        ended = &mut connection => {
            ended.map_err(broken)?;
            answer.await
        }
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
