//! The binary as a person and a script meet it: real processes, real sockets, real
//! files, each test in a sandbox of its own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod completions;
mod config;
mod connect;
mod database;
mod doctor;
mod logs;
mod mail;
mod owner;
mod port;
mod run;
mod sandbox;
mod serve;
mod sessions;
mod tokens;
mod users;
