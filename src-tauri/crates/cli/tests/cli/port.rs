//! A port that somebody else has.

use crate::sandbox::{Sandbox, http};
use std::net::TcpListener;

#[test]
fn the_holder_is_named() {
    let sandbox = Sandbox::new();
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port().to_string();
    let ran = sandbox.run(&["serve", "--port", &port]).exits(4);
    assert_eq!(ran.stdout, "", "there is no address to tell");
    let ran = ran.says(&format!("Port {port} is taken")).says("hint: Take another port");
    if cfg!(any(target_os = "linux", target_os = "macos", windows)) {
        ran.says(&format!("process {}", std::process::id()));
    }
}

#[test]
fn one_protocol_taken_is_taken() {
    let Ok(held) = TcpListener::bind("[::1]:0") else { return };
    let port = held.local_addr().unwrap().port().to_string();
    Sandbox::new().run(&["serve", "--port", &port]).exits(4);
}

#[test]
fn another_branchline_is_called_so_and_a_fallback_avoids_it() {
    let (one, two) = (Sandbox::new(), Sandbox::new());
    let first = one.serve();
    let port = first.port().to_string();
    two.run(&["serve", "--port", &port])
        .exits(4)
        .says(&format!("another Branchline (process {})", first.pid()))
        .says("serves another data folder");
    let second = two.serve_with(&["--port", &port, "--port-fallback"]);
    assert_ne!(second.port(), first.port());
    for server in [&first, &second] {
        let answer = http().get(format!("{}/health", server.url())).send().unwrap();
        assert_eq!(answer.status(), 200);
    }
    let words = second.stop(&two);
    assert!(words.contains(&format!("Port {port} was taken")), "{words}");
}
