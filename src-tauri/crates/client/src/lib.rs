//! Typed client of Branchline's own API, `/api/v1`: for commands beside a running
//! app, and for tests.
//!
//! One module per area, each with its types and its methods on [`Client`].

mod account;
mod call;
mod database;
mod error;
mod registry;
mod server;
mod tracking;
mod users;
mod value;

pub use account::{Connected, NewToken, Token, TokenList, User};
pub use database::{BackupDone, CheckDone, DatabaseStatus, EmptiedTrash, Migration, QueryRows};
pub use error::{ClientError, Result};
pub use registry::{Alias, ModelDetail, ModelPage, ModelVersion, RegisteredModel};
pub use server::{LogLines, ServerInfo};
pub use tracking::{
    Experiment, ExperimentKeys, ExperimentPage, ExperimentQuery, MetricPoint, Run, RunPage,
    RunQuery, Series, SeriesPage, SeriesQuery,
};
pub use users::{Account, AccountUpdate, NewAccount, OutboxList, OutboxMail};
pub use value::Number;

use error::{answer, unreachable};
use reqwest::{Method, RequestBuilder, Url, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A server, and who asks. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    bearer: Option<String>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the server at `url`. `bearer` is a personal access token or the
    /// secret of `instance.json`; nothing for a server without sign-in.
    ///
    /// # Errors
    /// When `url` is none.
    pub fn new(url: &str, bearer: Option<String>) -> Result<Self> {
        let bad = || ClientError::Url(url.to_owned());
        let base: Url = url.parse().map_err(|_| bad())?;
        if base.cannot_be_a_base() || base.host().is_none() {
            return Err(bad());
        }
        // A proxy of the network must not see requests to this machine.
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(|cause| unreachable(url, cause))?;
        Ok(Self { http, base, bearer })
    }

    /// The server's address.
    pub fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    fn request(&self, method: Method, segments: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        // `new` saw to it that the address can have a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1"]).extend(segments);
        }
        self.authorized(self.http.request(method, url))
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.bearer {
            Some(secret) => request.header(header::AUTHORIZATION, format!("Bearer {secret}")),
            None => request,
        }
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let response = request.send().await.map_err(|cause| unreachable(self.url(), cause))?;
        answer(self.url(), response).await
    }

    async fn send_no_content(&self, request: RequestBuilder) -> Result<()> {
        let response = request.send().await.map_err(|cause| unreachable(self.url(), cause))?;
        error::check(self.url(), response).await.map(drop)
    }

    async fn get<T: DeserializeOwned>(&self, segments: &[&str]) -> Result<T> {
        self.send(self.request(Method::GET, segments)).await
    }

    async fn get_with<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: &(impl Serialize + ?Sized),
    ) -> Result<T> {
        self.send(self.request(Method::GET, segments).query(query)).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: &(impl Serialize + ?Sized),
    ) -> Result<T> {
        self.send(self.request(Method::POST, segments).json(body)).await
    }

    async fn patch<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: &(impl Serialize + ?Sized),
    ) -> Result<T> {
        self.send(self.request(Method::PATCH, segments).json(body)).await
    }

    async fn post_no_content(&self, segments: &[&str]) -> Result<()> {
        self.send_no_content(self.request(Method::POST, segments)).await
    }

    async fn delete(&self, segments: &[&str]) -> Result<()> {
        self.send_no_content(self.request(Method::DELETE, segments)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_one_segment_of_the_path() {
        let client = Client::new("http://127.0.0.1:5005/", None).unwrap();
        assert_eq!(client.url(), "http://127.0.0.1:5005");
        let request = client.request(Method::GET, &["models", "a/b c%?"]).build().unwrap();
        assert_eq!(request.url().as_str(), "http://127.0.0.1:5005/api/v1/models/a%2Fb%20c%25%3F");
    }

    #[test]
    fn the_secret_is_sent_and_never_shown() {
        let client = Client::new("http://localhost:1", Some("s3cret".into())).unwrap();
        let request = client.request(Method::GET, &["server"]).build().unwrap();
        assert_eq!(request.headers()[header::AUTHORIZATION], "Bearer s3cret");
        assert!(!format!("{client:?}").contains("s3cret"));
    }

    #[test]
    fn an_address_that_is_none_is_refused() {
        for url in ["", "localhost:5005", "mailto:a@b", "/x"] {
            assert!(matches!(Client::new(url, None), Err(ClientError::Url(_))), "{url}");
        }
    }
}
