//! Signing in and out, and what only `instance.json`'s reader may do.

use crate::app::{INSTANCE_SECRET, TestApp};
use branchline_server::ServerOptions;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, COOKIE, ORIGIN, SET_COOKIE};
use serde_json::{Value, json};

/// The pair to send back, and the cookie's attributes.
fn cookie(response: &reqwest::Response) -> (String, String) {
    let set = response.headers()[SET_COOKIE].to_str().unwrap();
    let (pair, attributes) = set.split_once("; ").unwrap();
    (pair.to_owned(), attributes.to_owned())
}

#[tokio::test]
async fn a_secret_signs_in_once_and_the_cookie_is_out_of_reach() {
    let app = TestApp::start().await;
    let secret = app.engine.issue_sign_in_secret();
    let body = json!({ "secret": secret });
    let sign_in = || app.anonymous(Method::POST, "/api/v1/session").json(&body).send();

    let first = sign_in().await.unwrap();
    assert_eq!(first.status(), 200);
    let (pair, attributes) = cookie(&first);
    let name = format!("bl_{}=", &app.engine.store_uuid()[..8]);
    assert!(pair.starts_with(&name), "{pair} should begin with {name}");
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000");
    let told: Value = first.json().await.unwrap();
    assert_eq!(told["user"]["email"], app.owner.email.as_str());
    assert_eq!(told["user"]["has_password"], false);

    let again = sign_in().await.unwrap();
    assert_eq!(again.status(), 401, "a secret works once");
    assert!(!again.headers().contains_key(SET_COOKIE));

    let me = app.anonymous(Method::GET, "/api/v1/session").header(COOKIE, &pair).send();
    assert_eq!(me.await.unwrap().status(), 200);
    let out = app.anonymous(Method::DELETE, "/api/v1/session").header(COOKIE, &pair).send();
    let out = out.await.unwrap();
    assert_eq!(out.status(), 204);
    assert!(cookie(&out).1.contains("Max-Age=0"), "the browser forgets it");
    let me = app.anonymous(Method::GET, "/api/v1/session").header(COOKIE, &pair).send();
    assert_eq!(me.await.unwrap().status(), 401, "the session is over");
}

#[tokio::test]
async fn a_password_signs_in_and_the_cookie_is_secure_behind_tls() {
    let app = TestApp::with(ServerOptions {
        allowed_hosts: vec!["ml.example".to_owned()],
        ..ServerOptions::default()
    })
    .await;
    let account = json!({"email": "ann@example.org", "full_name": "Ann"});
    let me = app.json(Method::PATCH, "/api/v1/me", Some(account), 200).await;
    assert_eq!(me["full_name"], "Ann");
    let password = json!({"new": "correct horse battery"});
    app.json(Method::POST, "/api/v1/me/password", Some(password), 204).await;

    let wrong = json!({"email": "ann@example.org", "password": "wrong horse battery"});
    let refused = app.anonymous(Method::POST, "/api/v1/session").json(&wrong).send();
    assert_eq!(refused.await.unwrap().status(), 401);

    let right = json!({"email": "ann@example.org", "password": "correct horse battery"});
    let signed_in = app
        .anonymous(Method::POST, "/api/v1/session")
        .header("host", "ml.example")
        .header(ORIGIN, "https://ml.example")
        .json(&right)
        .send()
        .await
        .unwrap();
    assert_eq!(signed_in.status(), 200);
    assert!(cookie(&signed_in).1.ends_with("; Secure"), "it was set over TLS");
}

#[tokio::test]
async fn the_instance_secret_is_the_owner_and_alone_may_ask_for_a_sign_in_or_stop() {
    let app = TestApp::start().await;
    let bearer = format!("Bearer {INSTANCE_SECRET}");
    let me = app.anonymous(Method::GET, "/api/v1/me").header(AUTHORIZATION, &bearer).send();
    let me: Value = me.await.unwrap().json().await.unwrap();
    assert_eq!(me["is_superuser"], true);

    app.json(Method::POST, "/api/v1/session/secret", None, 403).await;
    app.json(Method::POST, "/api/v1/shutdown", None, 403).await;
    let issued = app
        .anonymous(Method::POST, "/api/v1/session/secret")
        .header(AUTHORIZATION, &bearer)
        .send()
        .await
        .unwrap();
    assert_eq!(issued.status(), 200);
    let body: Value = issued.json().await.unwrap();
    let signed_in = app.anonymous(Method::POST, "/api/v1/session").json(&body).send();
    assert_eq!(signed_in.await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_token_that_may_only_read_changes_nothing() {
    let app = TestApp::start().await;
    let body = json!({"name": "reader", "scope": "read"});
    let made = app.json(Method::POST, "/api/v1/tokens", Some(body), 201).await;
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("bl_"), "{secret}");
    assert_eq!(made["token"]["scope"], "read");
    let bearer = format!("Bearer {secret}");
    let send = |method: Method, path: &str, body: Value| {
        app.anonymous(method, path).header(AUTHORIZATION, &bearer).json(&body).send()
    };
    let read = send(Method::GET, "/api/v1/experiments", json!({})).await.unwrap();
    assert_eq!(read.status(), 200);
    for (method, path, body) in [
        (Method::POST, "/api/v1/experiments", json!({"name": "x"})),
        (Method::POST, "/api/v1/db/query", json!({"sql": "SELECT 1"})),
        (Method::GET, "/api/v1/logs", json!({})),
        (Method::POST, "/api/v1/connect", json!({"write": true})),
        (Method::POST, "/api/v1/tokens", json!({"name": "more", "scope": "admin"})),
    ] {
        let answer = send(method.clone(), path, body).await.unwrap();
        assert_eq!(answer.status(), 403, "{method} {path}");
    }
}
