//! Connections: accepting them, limits for slow clients, and an end that is bounded.

use crate::auth::Peer;
use crate::incoming;
use crate::lanes::Lanes;
use crate::state::{AppState, ServerOptions};
use crate::tls::{Met, Tls};
use axum::Router;
use axum::body::Body;
use branchline_engine::Engine;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How long a connection may take to send a request's headers, and how long a kept
/// one may stay silent. Training loops log seldom, so it is long.
const HEADER_TIMEOUT: Duration = Duration::from_secs(120);
/// How long open requests and sockets have to end once the server is stopping.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves until `shutdown` (or `POST /api/v1/shutdown`), then drains for a few
/// seconds at most and returns. The engine stays open.
///
/// # Errors
/// When there is no listener, or one has no address.
pub async fn serve(
    listeners: Vec<TcpListener>,
    engine: Engine,
    options: ServerOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    if listeners.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is nothing to listen on"));
    }
    let addresses =
        listeners.iter().map(TcpListener::local_addr).collect::<io::Result<Vec<SocketAddr>>>()?;
    let state = AppState::listening(engine, options, &addresses);
    let tls = state.options.tls.clone();
    let app = crate::routes(state.clone());
    let mut tasks = JoinSet::new();
    tasks.spawn(crate::webhooks::run(state.clone()));
    let (accepted, mut incoming) = tokio::sync::mpsc::channel(64);
    for listener in listeners {
        tasks.spawn(accept(listener, accepted.clone()));
    }
    drop(accepted);
    tokio::pin!(shutdown);
    let lanes = Lanes::start()?;
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            () = state.closing.cancelled() => break,
            Some((stream, peer)) = incoming.recv() => {
                let (app, closing, tls) = (app.clone(), state.closing.clone(), tls.clone());
                lanes.take(&mut connections, stream, move |stream| {
                    welcome(stream, peer, app, closing, tls)
                });
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            else => break,
        }
    }
    tasks.shutdown().await;
    state.closing.cancel();
    state.sockets.close();
    let drained = async {
        while connections.join_next().await.is_some() {}
        state.sockets.wait().await;
    };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::info!("Closing connections that did not end in time.");
    }
    connections.shutdown().await;
    lanes.stop().await;
    Ok(())
}

async fn accept(
    listener: TcpListener,
    accepted: tokio::sync::mpsc::Sender<(TcpStream, SocketAddr)>,
) {
    loop {
        match listener.accept().await {
            Ok(pair) => {
                if accepted.send(pair).await.is_err() {
                    return;
                }
            }
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                // Out of file descriptors, most likely: give others time to end.
                tracing::error!("A connection could not be accepted: {error}");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

async fn welcome(
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    closing: CancellationToken,
    tls: Option<Tls>,
) {
    // Answers are small and whole; waiting to fill a packet costs 40 ms.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("TCP_NODELAY could not be set: {error}");
    }
    let Some(tls) = tls else { return connection(stream, peer, app, closing).await };
    let met = tokio::select! {
        met = tls.meet(stream, peer) => met,
        () = closing.cancelled() => None,
    };
    match met {
        Some(Met::Plain(stream)) => connection(stream, peer, app, closing).await,
        Some(Met::Secret(stream)) => connection(stream, peer, app, closing).await,
        None => {}
    }
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: SocketAddr,
    app: Router,
    closing: CancellationToken,
) {
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(Peer(peer));
        let (body, unread) = incoming::watch(body);
        let answering = app.clone().oneshot(Request::from_parts(parts, Body::new(body)));
        async move {
            let mut answer = answering.await?;
            unread.tell(&mut answer);
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing.cancelled() => {
            // The request that is being answered is the last one.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("A connection ended early: {error}");
    }
}
