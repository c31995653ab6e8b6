//! Generates the permissions of the native commands, which the running shell
//! grants to exactly one origin: its own server's.

use tauri_build::{AppManifest, Attributes};

/// The native commands, as `src-tauri/src/commands.rs` defines them.
const COMMANDS: &[&str] = &[
    "sign_in_secret",
    "save_artifact",
    "save_text",
    "save_bytes",
    "pick_folder",
    "reveal_path",
    "open_external",
    "notify",
];

fn main() {
    let attributes = Attributes::new()
        .capabilities_path_pattern("./src-tauri/capabilities/**/*")
        .app_manifest(AppManifest::new().commands(COMMANDS));
    if let Err(error) = tauri_build::try_build(attributes) {
        // A build script tells cargo of a failure by its exit code.
        println!("cargo::error={error:#}");
        std::process::exit(1);
    }
}
