//! Artifacts through the proxy and by run.

use super::app::App;
use crate::ServerOptions;
use axum::body::Body;
use axum::http::{Method, Request, header};
use branchline_core::event::EventKind;
use branchline_core::{Actor, Scope};
use serde_json::json;

const PROXY: &str = "/api/2.0/mlflow-artifacts/artifacts";

#[tokio::test]
async fn a_file_goes_up_and_comes_down() {
    let app = App::new();
    let run = app.run().await;
    let mut events = app.engine.subscribe();
    let path = format!("{PROXY}/0/{run}/artifacts/dir/gr%C3%BC%C3%9F%20e.html");
    let put = app.call(Method::PUT, &path, "0123456789").await;
    assert_eq!((put.status.as_u16(), put.body.len()), (200, 0));
    let told = events.recv().await.unwrap();
    assert!(matches!(told.kind, EventKind::Artifacts(id, _) if id.as_str() == run));

    let whole = app.call(Method::GET, &path, "").await;
    assert_eq!(whole.body, "0123456789");
    assert_eq!(whole.header(header::CONTENT_TYPE), "text/html");
    assert!(whole.header(header::CONTENT_DISPOSITION).starts_with("attachment; filename="));
    assert_eq!(whole.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");

    let request = |range: &str| {
        let request =
            Request::get(&path).header(header::HOST, "localhost").header(header::RANGE, range);
        request.body(Body::empty()).unwrap()
    };
    let part = app.send(request("bytes=2-4")).await;
    assert_eq!((part.status.as_u16(), &part.body[..]), (206, &b"234"[..]));
    assert_eq!(part.header(header::CONTENT_RANGE), "bytes 2-4/10");
    let beyond = app.send(request("bytes=10-")).await;
    assert_eq!((beyond.status.as_u16(), beyond.header(header::CONTENT_RANGE)), (416, "bytes */10"));
}

#[tokio::test]
async fn a_large_file_comes_down_whole_and_in_part() {
    let app = App::new();
    let content: Vec<u8> = (0..3_000_001_u32).map(|n| (n % 251) as u8).collect();
    let path = format!("{PROXY}/0/large.bin");
    app.call(Method::PUT, &path, content.clone()).await;
    assert!(app.call(Method::GET, &path, "").await.body == content);
    let request = Request::get(&path).header(header::HOST, "localhost");
    let request = request.header(header::RANGE, "bytes=1000000-").body(Body::empty()).unwrap();
    let part = app.send(request).await;
    assert_eq!(part.header(header::CONTENT_LENGTH), "2000001");
    assert!(part.body == content[1_000_000..]);
}

#[tokio::test]
async fn folders_are_listed_and_not_sent() {
    let app = App::new();
    let run = app.run().await;
    for name in ["b.txt", "dir/a.txt", "empty"] {
        let body = if name == "empty" { "" } else { "text" };
        app.call(Method::PUT, &format!("{PROXY}/0/{run}/artifacts/{name}"), body).await;
    }
    let listed = app.get(&format!("artifacts/list?run_id={run}")).await.ok();
    let files = json!([
        {"path": "b.txt", "is_dir": false, "file_size": 4},
        {"path": "dir", "is_dir": true},
        {"path": "empty", "is_dir": false},
    ]);
    let root = format!("mlflow-artifacts:/0/{run}/artifacts");
    assert_eq!(listed, json!({"root_uri": root, "files": files}));
    let inner = app.get(&format!("artifacts/list?run_id={run}&path=dir")).await.ok();
    assert_eq!(inner["files"][0]["path"], json!("dir/a.txt"));
    let proxied = app.call(Method::GET, &format!("{PROXY}?path=0/{run}/artifacts/dir"), "").await;
    assert_eq!(proxied.ok()["files"][0]["path"], json!("a.txt"));
    let nothing = app.call(Method::GET, &format!("{PROXY}?path=0/nothing"), "").await;
    assert_eq!(nothing.ok(), json!({}));

    let folder = app.call(Method::GET, &format!("{PROXY}/0/{run}/artifacts/dir"), "").await;
    folder.refused(400, "INVALID_PARAMETER_VALUE", "directory, not a file");
    let missing = app.call(Method::GET, &format!("/get-artifact?run_id={run}&path=no"), "").await;
    missing.refused(404, "RESOURCE_DOES_NOT_EXIST", "No such artifact");
    let found = app.call(Method::GET, &format!("/get-artifact?run_id={run}&path=b.txt"), "").await;
    assert_eq!(found.body, "text");

    let gone = app.call(Method::DELETE, &format!("{PROXY}/0/{run}/artifacts/dir"), "").await;
    assert_eq!(gone.ok(), json!({}));
    let listed = app.get(&format!("artifacts/list?run_id={run}&path=dir")).await.ok();
    assert_eq!(listed.get("files"), None);
}

#[tokio::test]
async fn paths_stay_below_the_root() {
    let app = App::new();
    for path in
        ["%2e%2e/x", "a/%2e%2e/%2e%2e/x", "%252e%252e/x", "a%23b", "a%5cb", "%2fetc%2fpasswd"]
    {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let reply = app.call(method, &format!("{PROXY}/{path}"), "x").await;
            reply.refused(400, "INVALID_PARAMETER_VALUE", "Invalid path");
        }
    }
    let folder = app.call(Method::PUT, &format!("{PROXY}/0/dir/"), "x").await;
    folder.refused(400, "INVALID_PARAMETER_VALUE", "filename");
}

#[tokio::test]
async fn a_path_is_looked_at_before_what_it_is_in() {
    let app = App::new();
    let of_model = "/ajax-api/2.0/mlflow/logged-models/m-none/artifacts";
    for (place, found) in [
        ("/get-artifact?run_id=none&path=", "Run with id=none not found"),
        (
            "/model-versions/get-artifact?name=none&version=1&path=",
            "name=none, version=1) not found",
        ),
        (&*format!("{of_model}/files?artifact_file_path="), "not found"),
        (&*format!("{of_model}/directories?artifact_directory_path="), "not found"),
    ] {
        let bad = app.call(Method::GET, &format!("{place}../x"), "").await;
        bad.refused(400, "INVALID_PARAMETER_VALUE", "Invalid path");
        let good = app.call(Method::GET, &format!("{place}x"), "").await;
        good.refused(404, "RESOURCE_DOES_NOT_EXIST", found);
    }
    for owner in ["run_id", "model_id"] {
        for (path, words) in [("../x", "Invalid path"), ("", "'path'")] {
            let body = json!({owner: "none", "path": path});
            let reply = app.post("artifacts/presigned-upload-url", body).await;
            reply.refused(400, "INVALID_PARAMETER_VALUE", words);
        }
    }
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let app = App::new();
    let pieces = [Ok(b"half".to_vec()), Err(std::io::Error::other("gone"))];
    let request = Request::put(format!("{PROXY}/0/half.bin")).header(header::HOST, "localhost");
    let body = Body::from_stream(futures_util::stream::iter(pieces));
    let reply = app.send(request.body(body).unwrap()).await;
    reply.refused(400, "INVALID_PARAMETER_VALUE", "broke off");
    let listed = app.call(Method::GET, &format!("{PROXY}?path=0"), "").await;
    assert_eq!(listed.ok(), json!({}));
}

#[tokio::test]
async fn a_token_that_only_reads_does_not_write() {
    let app = App::with(ServerOptions::default());
    let owner = app.engine.owner().await.unwrap();
    let owner =
        Actor { user_id: owner.id, email: owner.email, is_superuser: true, scope: Scope::Admin };
    let (_, token) = app.engine.create_token(&owner, "reader", Scope::Read, None).await.unwrap();
    let send = async |method: Method, path: &str, token: Option<&str>| {
        let mut request =
            Request::builder().method(method).uri(path).header(header::HOST, "localhost");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.header(header::CONTENT_TYPE, "application/json");
        app.send(request.body(Body::from("{\"name\":\"a\"}")).unwrap()).await
    };
    let file = format!("{PROXY}/0/a.txt");
    for (method, path) in [
        (Method::PUT, file.as_str()),
        (Method::DELETE, &file),
        (Method::POST, "/api/2.0/mlflow/experiments/create"),
    ] {
        let reply = send(method.clone(), path, Some(&token)).await;
        reply.refused(403, "PERMISSION_DENIED", "scope");
        assert_eq!(send(method, path, None).await.status, 401, "{path}");
    }
    let listed = send(Method::GET, &format!("{PROXY}?path=0"), Some(&token)).await;
    assert_eq!(listed.ok(), json!({}));
}
