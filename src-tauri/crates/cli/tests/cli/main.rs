//! The binary as a person and a script meet it: real processes, real sockets, real
//! files, each test in a sandbox of its own.

mod completions;
mod config;
mod connect;
mod database;
mod doctor;
mod logs;
mod owner;
mod port;
mod run;
mod sandbox;
mod serve;
mod tokens;
