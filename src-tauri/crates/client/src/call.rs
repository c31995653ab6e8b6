//! Any route of the API, for commands that show what it answers as it is.

use crate::Client;
use crate::error::{ClientError, Result, check, unreachable};
use reqwest::Method;
use serde_json::Value;

impl Client {
    /// Calls `/api/v1/<segments>`. An answer without a body is null.
    ///
    /// # Errors
    /// The server does not answer, or refuses.
    pub async fn call(
        &self,
        method: &str,
        segments: &[&str],
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> Result<Value> {
        let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
        let mut request = self.request(method, segments).query(query);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|cause| unreachable(self.url(), cause))?;
        let response = check(self.url(), response).await?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await.map_err(|cause| unreachable(self.url(), cause))?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|source| ClientError::NotUnderstood {
            url: self.url().to_owned(),
            status,
            source: Some(source),
        })
    }
}
