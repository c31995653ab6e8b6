//! The document in `docs/openapi.json` is what the server offers. After a change on
//! purpose: `UPDATE_SNAPSHOTS=1 cargo test -p branchline-server openapi`.

use axum::http::Method;
use branchline_server::guard::is_public;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn the_committed_document_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/openapi.json");
    let current = branchline_server::openapi_json();
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == current,
        "docs/openapi.json is not what the server offers; if the change is meant, run \
         `UPDATE_SNAPSHOTS=1 cargo test -p branchline-server openapi`"
    );
}

/// The document, and what to say about it.
struct Document {
    whole: Value,
    complaints: Vec<String>,
}

impl Document {
    fn read() -> Self {
        let whole = serde_json::from_str(&branchline_server::openapi_json()).unwrap();
        Self { whole, complaints: Vec::new() }
    }

    /// Calls back with each operation's name (`GET /path`) and content.
    fn walk(&mut self, mut look: impl FnMut(&mut Self, &str, &Value)) {
        let paths = self.whole["paths"].as_object().unwrap().clone();
        for (path, item) in &paths {
            for (method, operation) in item.as_object().unwrap() {
                look(self, &format!("{} {path}", method.to_uppercase()), operation);
            }
        }
    }

    fn resolved(&self, value: &Value) -> Value {
        match value["$ref"].as_str() {
            Some(place) => self.whole.pointer(&place[1..]).expect(place).clone(),
            None => value.clone(),
        }
    }

    fn complain(&mut self, words: String) {
        self.complaints.push(words);
    }

    #[track_caller]
    fn judge(self, what: &str) {
        assert!(self.complaints.is_empty(), "{what}:\n{}", self.complaints.join("\n"));
    }

    /// Complains about schemas that say nothing, at any depth.
    fn typed(&mut self, place: &str, schema: &Value, seen: &mut BTreeSet<String>) {
        if let Some(name) = schema["$ref"].as_str() {
            if seen.insert(name.to_owned()) {
                self.typed(name, &self.resolved(schema), seen);
            }
            return;
        }
        let parts = ["oneOf", "anyOf", "allOf"].iter().filter_map(|of| schema[of].as_array());
        let parts: Vec<&Value> = parts.flatten().collect();
        for part in &parts {
            self.typed(place, part, seen);
        }
        let kinds: Vec<&str> = match &schema["type"] {
            Value::String(kind) => vec![kind],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let says = ["enum", "const"].iter().any(|key| !schema[key].is_null());
        // A part may be any JSON when it says so; a body may not.
        let about = place.contains(" > ") && schema["description"].is_string();
        if kinds.is_empty() && parts.is_empty() && !says && !about {
            self.complain(format!("{place} has no type"));
        }
        if kinds.contains(&"object") {
            let members = schema["properties"].as_object();
            if members.is_none() && schema["additionalProperties"].is_null() {
                self.complain(format!("{place} is an object without members"));
            }
            for (name, member) in members.into_iter().flatten() {
                self.typed(&format!("{place} > {name}"), member, seen);
            }
            if schema["additionalProperties"].is_object() {
                let values = format!("{place} > *");
                self.typed_value(&values, &schema["additionalProperties"], seen);
            }
        }
        if kinds.contains(&"array") {
            self.typed_value(&format!("{place} > []"), &schema["items"], seen);
        }
    }

    /// What a list or a map that tells of itself holds may be any JSON.
    fn typed_value(&mut self, place: &str, schema: &Value, seen: &mut BTreeSet<String>) {
        if schema.as_object().is_some_and(|schema| !schema.is_empty()) {
            self.typed(place, schema, seen);
        }
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_a_heading_and_a_known_tag() {
    let mut document = Document::read();
    let tags: BTreeSet<String> = document.whole["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap().to_owned())
        .collect();
    let mut names = BTreeSet::new();
    document.walk(|document, place, operation| {
        let name = operation["operationId"].as_str().unwrap_or_default();
        let plain = name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit());
        if name.is_empty() || !plain || !names.insert(name.to_owned()) {
            document.complain(format!("{place}: operationId '{name}' is odd or taken"));
        }
        let summary = operation["summary"].as_str().unwrap_or_default();
        if summary.is_empty() || summary.ends_with('.') || summary.contains('`') {
            document.complain(format!("{place}: '{summary}' is no heading"));
        }
        for tag in operation["tags"].as_array().into_iter().flatten() {
            if !tags.contains(tag.as_str().unwrap()) {
                document.complain(format!("{place}: {tag} is not described in api/document"));
            }
        }
    });
    document.judge("names");
}

#[test]
fn every_body_says_what_it_is_and_every_request_has_an_example() {
    let mut document = Document::read();
    document.walk(|document, place, operation| {
        let body = document.resolved(&operation["requestBody"]);
        for (kind, content) in body["content"].as_object().into_iter().flatten() {
            document.typed(
                &format!("{place} takes {kind}"),
                &content["schema"],
                &mut BTreeSet::new(),
            );
            let inside = document.resolved(&content["schema"]);
            if content["example"].is_null() && inside["example"].is_null() {
                document.complain(format!(
                    "{place} has no example: give its type a `#[schema(example = json!(…))]`"
                ));
            }
        }
        let answers = operation["responses"].as_object().unwrap();
        let good = answers.keys().any(|status| status.starts_with('2') || status == "501");
        if !good {
            document.complain(format!("{place} never answers well"));
        }
        for (status, answer) in answers {
            let answer = document.resolved(answer);
            if answer["description"].as_str().unwrap_or_default().is_empty() {
                document.complain(format!("{place} {status} is not described"));
            }
            for (kind, content) in answer["content"].as_object().into_iter().flatten() {
                let bytes = kind == "*/*";
                if !bytes {
                    let what = format!("{place} answers {status} {kind}");
                    document.typed(&what, &content["schema"], &mut BTreeSet::new());
                }
            }
        }
    });
    document.judge("bodies");
}

#[test]
fn every_operation_says_how_it_fails_with_an_example() {
    let mut document = Document::read();
    document.walk(|document, place, operation| {
        let answers = operation["responses"].as_object().unwrap();
        let failures = answers.iter().filter(|(status, _)| !status.starts_with(['2', '3']));
        let failures: Vec<_> = failures.collect();
        if failures.len() < 2 {
            document.complain(format!("{place} does not fail: add `Failure` to its responses"));
        }
        for (status, answer) in failures {
            let answer = document.resolved(answer);
            if status == "default" {
                document.complain(format!("{place} fails in ways that are not named"));
            }
            if status == "416" {
                continue; // Has no body.
            }
            let content = answer["content"].as_object().cloned().unwrap_or_default();
            if content.is_empty() || content.values().any(|content| content["example"].is_null()) {
                document.complain(format!("{place} {status} has no example"));
            }
            let schema = answer["content"]["application/json"]["schema"]["$ref"].as_str();
            let known = ["#/components/schemas/Error", "#/components/schemas/ValidationError"];
            if !schema.is_some_and(|schema| known.contains(&schema)) {
                document.complain(format!("{place} {status} is no error of ours: {schema:?}"));
            }
        }
    });
    document.judge("failures");
}

#[test]
fn the_document_says_who_gets_in() {
    let mut document = Document::read();
    let schemes = document.whole["components"]["securitySchemes"].as_object().unwrap();
    let names: BTreeSet<&str> = schemes.keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["OAuth2PasswordBearer", "basic", "session", "token"]));
    let flow = &schemes["OAuth2PasswordBearer"]["flows"]["password"]["tokenUrl"];
    assert_eq!(flow, "/api/v1/login/access-token");
    assert_eq!(document.whole["security"].as_array().unwrap().len(), 4, "any of them will do");
    document.walk(|document, place, operation| {
        let (method, path) = place.split_once(' ').unwrap();
        let open = operation["security"] == serde_json::json!([{}]);
        // Looks at the credential itself.
        let itself = path == "/api/v1/login/test-token";
        if open != is_public(&method.parse::<Method>().unwrap(), path) && !itself {
            document.complain(format!("{place}: the guard says otherwise"));
        }
        // Signing in needs no credential, and can fail for want of one.
        let signs_in = path == "/api/v1/session";
        let refuses = operation["responses"].as_object().unwrap().contains_key("401");
        if open == refuses && !signs_in {
            document.complain(format!("{place}: says 401 and needs no credential, or not"));
        }
    });
    document.judge("security");
}

/// What the stack's clients call.
const STACK: [&str; 29] = [
    "POST /login/access-token",
    "POST /login/test-token",
    "POST /password-recovery/{}",
    "POST /reset-password/",
    "GET /users/",
    "POST /users/",
    "GET /users/me",
    "PUT /users/me",
    "POST /users/open",
    "GET /users/{}",
    "PUT /users/{}",
    "POST /utils/test-email/",
    "POST /utils/queue-celery-task/",
    "POST /utils/test-celery/",
    "GET /utils/task-status/{}",
    "POST /ml/train-model",
    "GET /items/",
    "POST /items/",
    "GET /items/{}",
    "PUT /items/{}",
    "DELETE /items/{}",
    "GET /ml/runs",
    "GET /ml/runs/{}",
    "POST /ml/run/{}/register-model",
    "GET /ml/registered-models",
    "GET /ml/model/{}/archive",
    "GET /ml/model/{}/unarchive",
    "POST /ml/model/{}/predict",
    "GET /openapi.json",
];

#[test]
fn what_the_stack_offered_is_offered() {
    let mut document = Document::read();
    let mut offered = BTreeSet::new();
    document.walk(|_, place, _| {
        let parts = place.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
        offered.insert(parts.collect::<Vec<_>>().join("/").replace(" /api/v1/", " /"));
    });
    for one in STACK {
        assert!(offered.contains(one), "{one} is not offered");
    }
}
