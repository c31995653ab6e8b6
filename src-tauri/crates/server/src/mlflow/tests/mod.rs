//! The surface through its own router, on a real engine.

mod app;
mod compatibility;
mod files;
mod registry;
mod tracking;
mod wire;
