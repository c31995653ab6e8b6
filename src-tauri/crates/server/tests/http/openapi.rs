//! The document in `docs/openapi.json` is what the server offers. After a change on
//! purpose: `UPDATE=1 cargo test -p branchline-server openapi`.

use std::path::Path;

#[test]
fn the_committed_document_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/openapi.json");
    let current = branchline_server::openapi_json();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == current,
        "docs/openapi.json is not what the server offers; if the change is meant, run \
         `UPDATE=1 cargo test -p branchline-server openapi`"
    );
}
