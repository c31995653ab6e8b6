//! Files of runs: folders, ranges, and the walls around what could run.

use crate::app::TestApp;
use reqwest::Method;
use serde_json::json;

async fn with_files(files: &[(&str, &[u8])]) -> (TestApp, String) {
    let app = TestApp::start().await;
    let run = app.run("files").await;
    for (path, bytes) in files {
        let mut upload = app.engine.artifacts().create(&run.info.artifact_uri, path).unwrap();
        upload.write(bytes).await.unwrap();
        upload.finish().await.unwrap();
    }
    (app, format!("/api/v1/runs/{}/artifacts", run.info.run_id))
}

#[tokio::test]
async fn a_folder_is_listed_with_its_place_on_disk_for_the_owner() {
    let (app, path) = with_files(&[("model/MLmodel", b"a: 1"), ("plot.png", b"png")]).await;
    let root = app.get(&path).await;
    assert_eq!(
        root["files"],
        json!([
            {"path": "model", "name": "model", "is_dir": true, "size": null},
            {"path": "plot.png", "name": "plot.png", "is_dir": false, "size": 3},
        ])
    );
    let folder = app.get(&format!("{path}?path=model")).await;
    assert_eq!(folder["files"][0]["path"], "model/MLmodel");
    let place = std::path::PathBuf::from(folder["local_path"].as_str().unwrap());
    assert!(place.join("MLmodel").is_file(), "{} is the folder", place.display());
    let proxied = app.request(Method::GET, &path).header("via", "1.1 proxy").send().await.unwrap();
    let proxied: serde_json::Value = proxied.json().await.unwrap();
    assert!(proxied.get("local_path").is_none(), "{proxied}");
    app.json(Method::GET, &format!("{path}?path=../../.."), None, 400).await;
    app.json(Method::GET, &format!("{path}/content?path=none.txt"), None, 404).await;
}

#[tokio::test]
async fn a_part_of_a_file_is_answered() {
    let (app, path) = with_files(&[("data.bin", b"0123456789")]).await;
    let path = format!("{path}/content?path=data.bin");
    let get = |range: &'static str| app.request(Method::GET, &path).header("range", range).send();
    let part = get("bytes=2-4").await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.headers()["content-range"], "bytes 2-4/10");
    assert_eq!(part.text().await.unwrap(), "234");
    let beyond = get("bytes=10-").await.unwrap();
    assert_eq!(beyond.status(), 416);
    assert_eq!(beyond.headers()["content-range"], "bytes */10");
    let whole = app.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(whole.headers()["content-length"], "10");
    let tag = whole.headers()["etag"].clone();
    assert_eq!(whole.text().await.unwrap(), "0123456789");
    let known = app.request(Method::GET, &path).header("if-none-match", tag).send();
    assert_eq!(known.await.unwrap().status(), 304);
    let head = app.request(Method::HEAD, &path).send().await.unwrap();
    assert_eq!(head.headers()["content-length"], "10");
}

#[tokio::test]
async fn what_could_run_is_sandboxed_and_source_is_text() {
    let page: &[u8] = b"<script>alert(1)</script>";
    let (app, path) =
        with_files(&[("a.html", page), ("a.svg", page), ("a.js", page), ("x.pkl", page)]).await;
    let get = |name: &str, more: &str| {
        app.request(Method::GET, &format!("{path}/content?path={name}{more}")).send()
    };
    for name in ["a.html", "a.svg"] {
        let answer = get(name, "").await.unwrap();
        assert_eq!(
            answer.headers()["content-security-policy"],
            "sandbox allow-scripts; frame-ancestors 'self'",
            "{name}"
        );
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    }
    let script = get("a.js", "").await.unwrap();
    assert_eq!(script.headers()["content-type"], "text/plain; charset=utf-8");
    let pickle = get("x.pkl", "").await.unwrap();
    assert_eq!(pickle.headers()["content-type"], "application/octet-stream");
    let saved = get("a.html", "&download=1").await.unwrap();
    assert!(saved.headers()["content-disposition"].to_str().unwrap().starts_with("attachment;"));
}
