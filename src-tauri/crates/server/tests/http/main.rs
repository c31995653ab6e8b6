//! The server over real sockets, with a real engine on a temporary folder.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod answers;
mod app;
mod artifacts;
mod guard;
mod live;
mod openapi;
mod rules;
mod session;
mod stopping;
mod traces;
