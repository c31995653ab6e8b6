//! The engine on a real database in a temporary folder.

mod accounts;
mod durability;
mod find;
mod live;
mod metrics;
mod registry;
mod rules;
mod runs;
mod schedules;
mod support;
mod traces;
mod trash;
