//! Rebuilds when the UI was built anew, which is embedded.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../../../ui/dist");
}
