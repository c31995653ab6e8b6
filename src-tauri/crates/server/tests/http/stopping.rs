//! The end of a server is bounded and leaves nothing half said.

use crate::app::{INSTANCE_SECRET, TestApp, open_engine};
use branchline_server::{ServerOptions, serve};
use reqwest::Method;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn the_instance_secret_stops_it_over_http() {
    let app = TestApp::start().await;
    let stopped = app
        .anonymous(Method::POST, "/api/v1/shutdown")
        .bearer_auth(INSTANCE_SECRET)
        .send()
        .await
        .unwrap();
    assert_eq!(stopped.status(), 202, "the answer still comes");
    app.served.await.unwrap().unwrap();
    assert!(TcpStream::connect(app.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_client_that_sends_half_a_request_does_not_hold_it_up() {
    let mut app = TestApp::start().await;
    let mut half = TcpStream::connect(app.address).await.unwrap();
    let head = format!(
        "POST /api/2.0/mlflow/runs/log-batch HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        app.address, app.token
    );
    half.write_all(head.as_bytes()).await.unwrap();
    // Another request on the same server shows that the first one is being read.
    app.get("/api/v1/session").await;
    app.stop.take().unwrap().send(()).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(15), &mut app.served).await;
    ended.expect("the end is bounded").unwrap().unwrap();
    let mut rest = Vec::new();
    // Closed or reset; either way it is over.
    let _ = half.read_to_end(&mut rest).await;
}

#[tokio::test]
async fn several_listeners_serve_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut listeners = vec![first];
    // Machines without IPv6 have one loopback address.
    if let Ok(second) = TcpListener::bind("[::1]:0").await {
        listeners.push(second);
    }
    let addresses: Vec<_> = listeners.iter().map(|l| l.local_addr().unwrap()).collect();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served =
        tokio::spawn(serve(listeners, open_engine(&folder), ServerOptions::default(), async {
            let _ = stopped.await;
        }));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for address in addresses {
        let health = client.get(format!("http://{address}/health")).send().await.unwrap();
        assert_eq!(health.text().await.unwrap(), "OK", "{address}");
        let version = client.get(format!("http://{address}/version")).send().await.unwrap();
        assert_eq!(version.status(), 200, "{address} is a name of ours");
    }
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();
    let none = serve(
        Vec::new(),
        open_engine(&tempfile::tempdir().unwrap()),
        ServerOptions::default(),
        async {},
    );
    assert!(none.await.is_err(), "nothing to listen on is an error");
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_not_waited_for() {
    let app = TestApp::start().await;
    for path in ["/api/v1/runs/search", "/api/2.0/mlflow/runs/log-batch"] {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: 536870912\r\n\r\n{{",
            app.address, app.token
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut answer));
        read.await.expect("an answer comes before the body").unwrap();
        assert_eq!(&answer, b"HTTP/1.1 413", "{path}");
    }
}
