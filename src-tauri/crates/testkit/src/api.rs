//! JSON over HTTP, as a client of the server under test.

use anyhow::{Context, Result, bail};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

/// A client of one server.
#[derive(Debug, Clone)]
pub struct Api {
    url: String,
    token: Option<String>,
    client: Client,
}

impl Api {
    /// Talks to `url`, with a token when there is one.
    pub fn new(url: &str, token: Option<&str>) -> Self {
        Self { url: url.to_owned(), token: token.map(str::to_owned), client: Client::new() }
    }

    /// The same client on connections of its own.
    #[must_use]
    pub fn with_own_connections(&self) -> Self {
        Self::new(&self.url, self.token.as_deref())
    }

    /// One request; the status and the JSON of the answer (null when it is none).
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value)> {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let bytes = answer.bytes().await?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }

    /// POSTs to MLflow's interface; has to succeed.
    ///
    /// # Errors
    /// When the connection fails or the answer is not 200.
    pub async fn mlflow(&self, path: &str, body: Value) -> Result<Value> {
        self.succeed(Method::POST, &format!("/api/2.0/mlflow{path}"), Some(&body)).await
    }

    /// GETs; has to succeed.
    ///
    /// # Errors
    /// When the connection fails or the answer is not 200.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.succeed(Method::GET, path, None).await
    }

    /// PUTs bytes; has to succeed.
    ///
    /// # Errors
    /// When the connection fails or the answer is not 200.
    pub async fn put_bytes(&self, path: &str, bytes: Vec<u8>) -> Result<()> {
        let mut request = self.client.put(format!("{}{path}", self.url)).body(bytes);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// GETs bytes; has to succeed.
    ///
    /// # Errors
    /// When the connection fails or the answer is not 200.
    pub async fn get_bytes(&self, path: &str) -> Result<Vec<u8>> {
        let mut request = self.client.get(format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        Ok(request.send().await?.error_for_status()?.bytes().await?.to_vec())
    }

    async fn succeed(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let (status, answer) = self.call(method, path, body).await?;
        if !status.is_success() {
            bail!("{path} answered {status}: {answer}");
        }
        Ok(answer)
    }

    /// A new run in an experiment; its id and artifact URI.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn create_run(&self, experiment_id: &str) -> Result<(String, String)> {
        let body = json!({"experiment_id": experiment_id, "start_time": 1_700_000_000_000_i64});
        let answer = self.mlflow("/runs/create", body).await?;
        let info = &answer["run"]["info"];
        let text =
            |key: &str| info[key].as_str().map(str::to_owned).context("no run in the answer");
        Ok((text("run_id")?, text("artifact_uri")?))
    }

    /// The whole history of a metric as (step, value).
    ///
    /// # Errors
    /// When it is refused.
    pub async fn history(&self, run_id: &str, key: &str) -> Result<Vec<(i64, f64)>> {
        let path = format!("/api/2.0/mlflow/metrics/get-history?run_id={run_id}&metric_key={key}");
        let answer = self.get(&path).await?;
        let points = answer["metrics"].as_array().cloned().unwrap_or_default();
        let read = |point: &Value| Some((point["step"].as_i64()?, point["value"].as_f64()?));
        points.iter().map(|point| read(point).context("a point without step or value")).collect()
    }
}
