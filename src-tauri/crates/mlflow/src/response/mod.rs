//! What clients get back: the domain's own values, written as MLflow's messages
//! straight into the answer, without a tree in between.

mod evaluation;
mod object;
mod points;
mod registry;
mod trace_metrics;
mod traces;
mod tracking;
mod webhooks;

pub use evaluation::{RecordPage, RegisteredScorer};
pub use points::PointWriter;
pub use traces::{InfoOnly, InfoV2};
pub use tracking::{CreatedRun, DatasetSummary, LoggedArtifacts};
pub use webhooks::WebhookTestResult;

use branchline_core::Page;
use object::Object;
use serde::{Serialize, Serializer};

/// A domain value as MLflow writes it.
#[derive(Debug)]
pub struct Wire<'a, T: ?Sized>(pub &'a T);

/// An answer that holds one thing: `{"experiment": …}`.
#[derive(Debug)]
pub struct One<'a, T>(pub &'static str, pub &'a T);

/// An answer that holds a page of things: `{"runs": […], "next_page_token": …}`.
#[derive(Debug)]
pub struct Paged<'a, T>(pub &'static str, pub &'a Page<T>);

/// An answer that holds a list of things: `{"files": […]}`.
#[derive(Debug)]
pub struct Listed<'a, T>(pub &'static str, pub &'a [T]);

/// The answer to what only succeeds: `{}`.
#[derive(Debug)]
pub struct Empty;

impl Serialize for Empty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Object::new(serializer)?.end()
    }
}

impl<T> Serialize for One<'_, T>
where
    for<'v> Wire<'v, T>: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Object::new(serializer)?.set(self.0, &Wire(self.1))?.end()
    }
}

impl<T> Serialize for Paged<'_, T>
where
    for<'v> Wire<'v, T>: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Object::new(serializer)?
            .list(self.0, &self.1.items)?
            .some("next_page_token", self.1.next_page_token.as_ref())?
            .end()
    }
}

impl<T> Serialize for Listed<'_, T>
where
    for<'v> Wire<'v, T>: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Object::new(serializer)?.list(self.0, self.1)?.end()
    }
}

#[cfg(test)]
mod tests;
