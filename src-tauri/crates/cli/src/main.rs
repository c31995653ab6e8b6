//! The command line and headless server.
fn main() {}
