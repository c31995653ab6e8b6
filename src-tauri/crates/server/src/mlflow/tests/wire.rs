//! What holds for every route: both surfaces, statuses, content types, sizes.

use super::app::{API, App};
use crate::mlflow::tables;
use axum::body::Body;
use axum::http::{Method, Request, header};
use futures_util::stream;
use serde_json::json;

#[tokio::test]
async fn every_route_stands_on_both_surfaces() {
    let app = App::new();
    for (path, _) in tables().into_iter().flatten() {
        let path = path.replace("{*path}", "x").replace(['{', '}'], "");
        for surface in ["/api/2.0", "/ajax-api/2.0"] {
            let reply = app.call(Method::TRACE, &format!("{surface}{path}"), "").await;
            assert_eq!(reply.status, 405, "{surface}{path}");
        }
    }
    for surface in ["/api/3.0", "/ajax-api/3.0"] {
        let reply = app.call(Method::GET, &format!("{surface}/mlflow/server-info"), "").await;
        assert_eq!(reply.ok()["store_type"], json!("SqlStore"));
    }
}

#[tokio::test]
async fn health_and_version_are_plain_text() {
    let app = App::new();
    assert_eq!(app.call(Method::GET, "/health", "").await.body, "OK");
    assert_eq!(app.call(Method::GET, "/version", "").await.body, "3.17.2");
}

#[tokio::test]
async fn an_unknown_route_is_not_taken_for_a_missing_thing() {
    let app = App::new();
    for path in ["/api/2.0/mlflow/nope", "/api/3.0/mlflow/nope/x", "/ajax-api/2.0/x"] {
        let reply = app.call(Method::POST, path, "{}").await;
        assert_eq!(reply.status, 404, "{path}");
        assert!(reply.header(header::CONTENT_TYPE).starts_with("text/html"), "{path}");
    }
}

#[tokio::test]
async fn what_is_known_and_not_offered_says_so() {
    let app = App::new();
    let whole = r#"{"path": "x", "parts": [{"part_number": 1, "etag": "e"}]}"#;
    for path in ["mpu/create/1/x", "mpu/complete/1/x", "mpu/abort/1/x"] {
        let path = format!("/api/2.0/mlflow-artifacts/{path}");
        app.call(Method::POST, &path, whole).await.refused(501, "NOT_IMPLEMENTED", "not supported");
        app.call(Method::POST, &path, "{}").await.refused(400, "INVALID_PARAMETER_VALUE", "path");
    }
    let path = "/api/2.0/mlflow-artifacts/presigned/1/x";
    app.call(Method::GET, path, "").await.refused(501, "NOT_IMPLEMENTED", "not supported");
}

#[tokio::test]
async fn only_json_is_read() {
    let app = App::new();
    let send = async |kind: Option<&str>| {
        let mut request = Request::post(format!("{API}/experiments/create"))
            .header(header::HOST, "localhost:5005");
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        app.send(request.body(Body::from(r#"{"name":"a"}"#)).unwrap()).await
    };
    send(Some("text/plain")).await.refused(400, "INVALID_PARAMETER_VALUE", "Content-Type must be");
    send(None).await.refused(400, "INVALID_PARAMETER_VALUE", "Content-Type header is missing");
    send(Some("application/json; charset=utf-8")).await.ok();
}

#[tokio::test]
async fn a_body_has_a_limit() {
    let app = App::new();
    let request = || {
        Request::post(format!("{API}/runs/log-batch"))
            .header(header::HOST, "localhost:5005")
            .header(header::CONTENT_TYPE, "application/json")
    };
    let announced = request().header(header::CONTENT_LENGTH, 17 * 1024 * 1024);
    let never = stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let reply = app.send(announced.body(Body::from_stream(never)).unwrap()).await;
    reply.refused(413, "PAYLOAD_TOO_LARGE", "larger than");

    let endless = stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 1024 * 1024]));
    let reply = app.send(request().body(Body::from_stream(endless)).unwrap()).await;
    reply.refused(413, "PAYLOAD_TOO_LARGE", "larger than");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_the_clients_fault() {
    let app = App::new();
    let broken = stream::iter([Ok(b"{\"name\":".to_vec()), Err(std::io::Error::other("gone"))]);
    let request = Request::post(format!("{API}/experiments/create"))
        .header(header::HOST, "localhost:5005")
        .header(header::CONTENT_TYPE, "application/json");
    let reply = app.send(request.body(Body::from_stream(broken)).unwrap()).await;
    reply.refused(400, "BAD_REQUEST", "broke off");
}

#[tokio::test]
async fn deep_json_is_refused() {
    let app = App::new();
    let deep = "{\"run_id\":".repeat(100_000);
    let reply = app.call(Method::POST, &format!("{API}/runs/log-batch"), deep).await;
    reply.refused(400, "INVALID_PARAMETER_VALUE", "not valid JSON");
}
