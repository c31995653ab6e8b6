//! One module per command.

pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod connect;
pub(crate) mod console;
pub(crate) mod db;
pub(crate) mod doctor;
pub(crate) mod jobs;
pub(crate) mod logs;
pub(crate) mod mail;
pub(crate) mod ml;
pub(crate) mod notebook;
pub(crate) mod projects;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod schedules;
pub(crate) mod serve;
pub(crate) mod sessions;
pub(crate) mod sweeps;
pub(crate) mod tasks;
pub(crate) mod tokens;
pub(crate) mod users;
