//! `docs/mlflow-compatibility.md` says what the router does.

use super::super::{SURFACES, tables, tables_outside, tables_preview, tables_v3, unsupported};
use super::app::App;
use axum::body::Body;
use axum::http::{Method, Request, header};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use toml_edit::{DocumentMut, Table};

/// The areas in the order of the page, and how the paths of each begin.
const AREAS: [(&str, &[&str]); 9] = [
    (
        "Tracking",
        &["/mlflow/experiments", "/mlflow/runs", "/mlflow/metrics", "/mlflow/logged-models"],
    ),
    (
        "Artifacts",
        &[
            "/mlflow-artifacts",
            "/mlflow/artifacts",
            "/mlflow/upload-artifact",
            "/get-artifact",
            "/model-versions/get-artifact",
        ],
    ),
    ("Model registry and prompts", &["/mlflow/registered-models", "/mlflow/model-versions"]),
    ("Traces and assessments", &["/mlflow/traces", "/mlflow/get-trace-artifact", "/v1/traces"]),
    ("Evaluation datasets", &["/mlflow/datasets"]),
    ("Scorers", &["/mlflow/scorers"]),
    ("Webhooks", &["/mlflow/webhooks"]),
    ("Users and their permissions", &["/mlflow/users", "/mlflow/roles"]),
    (
        "The server",
        &["/mlflow/server-info", "/mlflow/ui-telemetry", "/health", "/version", "/server-info"],
    ),
];

fn documents() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs")
}

/// Every path that is answered, and the versions under which it stands.
fn paths() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let tables = tables().into_iter().flatten().map(|(path, _)| (path, "2.0"));
    let preview = tables_preview().into_iter().flatten().map(|(path, _)| (path, "2.0/preview"));
    let tables_v3 = tables_v3().into_iter().flatten().map(|(path, _)| (path, "3.0"));
    let outside = tables_outside().into_iter().flatten().map(|(path, _)| (path, ""));
    for (path, version) in tables.chain(preview).chain(tables_v3).chain(outside) {
        found.entry(path).or_default().insert(version);
    }
    found
}

fn address(path: &str, version: &str, surface: &str) -> String {
    let filled: Vec<&str> =
        path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
    let filled = filled.join("/");
    if version.is_empty() { filled } else { format!("{surface}/{version}{filled}") }
}

/// The methods that a path takes, asked from the router itself.
async fn methods(app: &App, address: &str) -> String {
    let request = Request::builder()
        .method(Method::TRACE)
        .uri(address)
        .header(header::HOST, "localhost")
        .body(Body::empty())
        .unwrap();
    let reply = app.send(request).await;
    assert_eq!(reply.status, 405, "{address}");
    let mut methods: Vec<&str> =
        reply.header(header::ALLOW).split(',').filter(|method| *method != "HEAD").collect();
    methods.sort_unstable();
    methods.join(" ")
}

fn deviations() -> Vec<Table> {
    let text = std::fs::read_to_string(documents().join("mlflow-deviations.toml")).unwrap();
    let file: DocumentMut = text.parse().unwrap();
    file["deviation"].as_array_of_tables().unwrap().iter().cloned().collect()
}

fn text<'a>(entry: &'a Table, field: &str) -> &'a str {
    entry[field].as_str().unwrap_or_else(|| panic!("{field} of {entry}"))
}

/// The area of a path, which every path has.
fn area(path: &str) -> &'static str {
    let begins = |start: &&str| {
        path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let found = AREAS.iter().find(|(_, starts)| starts.iter().any(begins));
    found.map_or_else(|| panic!("{path} belongs to no area"), |(area, _)| *area)
}

async fn page(app: &App) -> String {
    let mut page = String::from(
        "# What of MLflow's interface is answered\n\n\
         Made from the router and `mlflow-deviations.toml` by a test (`the_page_says_what_the_router_does`;\n\
         run it with `UPDATE_SNAPSHOTS=1` after a change). The interface is that of MLflow 3.17.2. Paths\n\
         with a version stand under `/api/<version>` and `/ajax-api/<version>`. What no list here names\n\
         is answered with 404, as MLflow answers it.\n",
    );
    let paths = paths();
    for (name, _) in AREAS {
        writeln!(page, "\n## {name}\n\n| methods | path | versions |\n|---|---|---|").unwrap();
        for (path, versions) in paths.iter().filter(|(path, _)| area(path) == name) {
            let mut by_methods: BTreeMap<String, Vec<&str>> = BTreeMap::new();
            for version in versions {
                let found = methods(app, &address(path, version, SURFACES[0])).await;
                for surface in SURFACES {
                    assert_eq!(methods(app, &address(path, version, surface)).await, found);
                }
                by_methods.entry(found).or_default().push(version);
            }
            for (methods, versions) in by_methods {
                let versions = versions.join(", ");
                writeln!(page, "| {methods} | `{path}` | {versions} |").unwrap();
            }
        }
    }
    page.push_str(
        "\n## Not offered\n\nThese answer 501 `NOT_IMPLEMENTED` with the sentence that stands here.\n",
    );
    for missing in unsupported::MISSING {
        writeln!(page, "\n{}\n", missing.sentence).unwrap();
        for (methods, path) in missing.routes {
            let methods = if *methods == "*" { "any method" } else { methods };
            writeln!(page, "- {methods} `/{}`", path.trim_start_matches('/')).unwrap();
        }
    }
    page.push_str("\n## Where the answers differ\n\n");
    page.push_str("| where | MLflow | here | why |\n|---|---|---|---|\n");
    for entry in deviations() {
        let [place, theirs, ours, why] =
            ["where", "mlflow", "ours", "why"].map(|field| text(&entry, field).replace('|', "\\|"));
        writeln!(page, "| {place} | {theirs} | {ours} | {why} |").unwrap();
    }
    page
}

#[tokio::test]
async fn the_page_says_what_the_router_does() {
    let page = page(&App::new()).await;
    let file = documents().join("mlflow-compatibility.md");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(committed, page, "run this test with UPDATE_SNAPSHOTS=1 and commit the file");
}

#[tokio::test]
async fn what_is_not_offered_says_so() {
    let app = App::new();
    for missing in unsupported::MISSING {
        for (methods, path) in missing.routes {
            for full in unsupported::full_paths(path) {
                for method in methods.split(' ') {
                    let method = if method == "*" { "PUT" } else { method };
                    let request = Request::builder()
                        .method(method)
                        .uri(address(&full, "", ""))
                        .header(header::HOST, "localhost")
                        .body(Body::empty())
                        .unwrap();
                    app.send(request).await.refused(501, "NOT_IMPLEMENTED", missing.sentence);
                }
            }
        }
    }
}

#[test]
fn deviations_have_names_of_their_own_and_can_be_seen() {
    let mut names = BTreeSet::new();
    for entry in deviations() {
        assert!(names.insert(text(&entry, "id").to_owned()), "{entry}");
        let seen = entry.contains_key("seen") || entry.contains_key("test");
        assert!(seen, "say by what answers or in which test it is seen: {entry}");
    }
}
