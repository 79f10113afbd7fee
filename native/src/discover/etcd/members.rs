//! The members of the cluster, asked in turn.

use core::time::Duration;

use hyper::Method;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::gateway::Authenticated;
use crate::discover::json::from_json;
use crate::discover::registry::{Ask, Client, RegistryError, Reply, Secret};
use crate::discover::url::Url;

/// A member that does not begin to answer within this time is passed over.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who asks.
#[derive(Clone, Debug)]
pub(super) struct Login {
    pub(super) name: String,
    pub(super) password: Secret,
}

#[derive(Clone, Debug)]
pub(super) struct Members {
    pub(super) client: Client,
    pub(super) login: Option<Login>,
    urls: Vec<Url>,
    /// The one to ask first.
    next: usize,
    /// The one that was asked last.
    asked: usize,
    token: Option<Secret>,
}

impl Members {
    pub(super) fn new(client: Client, urls: Vec<Url>) -> Self {
        Self { client, login: None, urls, next: 0, asked: 0, token: None }
    }

    /// Names the member that is asked.
    pub(super) fn current(&self) -> &Url {
        &self.urls[self.asked]
    }

    /// Stays with the member that was asked last: it has answered, and not only begun to.
    pub(super) fn stay(&mut self) {
        self.next = self.asked;
    }

    /// Logs in again before the next question.
    pub(super) fn log_in_again(&mut self) {
        self.token = None;
    }

    /// Asks one member after the other, until one begins to answer. The next one is asked then,
    /// unless it is told to [`stay`](Self::stay).
    ///
    /// # Errors
    /// That of the last one that was asked.
    pub(super) async fn ask(&mut self, path: &str, body: &str) -> Result<Reply, RegistryError> {
        let mut tries = self.urls.len();
        let mut logged_in = false;
        loop {
            // Whoever hangs is passed over, even if all this is given up meanwhile.
            let member = self.next % self.urls.len();
            (self.asked, self.next) = (member, member + 1);
            let error = match self.ask_one(member, path, body).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            let is_over = matches!(error, RegistryError::Status { status: 401, .. })
                // Users or roles changed since the token was given.
                || error.says(400, "revision of auth store is old");
            if is_over && self.token.take().is_some() && !logged_in {
                // The token is over: once more, with another.
                self.next = member;
                logged_in = true;
                continue;
            }
            tries = tries.saturating_sub(1);
            // Another member would refuse the same.
            if tries == 0 || error.refused() {
                if error.refused() {
                    self.next = member;
                }
                return Err(error);
            }
        }
    }

    /// Asks, and reads an answer in JSON.
    pub(super) async fn read<T: DeserializeOwned + Send + 'static>(
        &mut self,
        path: &str,
        body: &str,
    ) -> Result<T, RegistryError> {
        let read = self.ask(path, body).await?.read(|bytes| from_json(bytes)).await?;
        self.stay();
        Ok(read)
    }

    async fn ask_one(
        &mut self,
        member: usize,
        path: &str,
        body: &str,
    ) -> Result<Reply, RegistryError> {
        let mut headers = HeaderMap::new();
        if let Some(login) = &self.login {
            if self.token.is_none() {
                let (name, password) = (&login.name, login.password.reveal());
                let body = serde_json::json!({ "name": name, "password": password }).to_string();
                let reply = self.send(member, "/v3/auth/authenticate", headers.clone(), &body);
                let Authenticated { token } = reply.await?.read(|bytes| from_json(bytes)).await?;
                let token = Secret::new(token);
                self.client.secrets.truncate(1);
                self.client.secrets.push(token.clone());
                self.token = Some(token);
            }
            if let Some(token) = &self.token {
                headers.insert(AUTHORIZATION, token.header("token", "")?);
            }
        }
        self.send(member, path, headers, body).await
    }

    async fn send(
        &self,
        member: usize,
        path: &str,
        mut headers: HeaderMap,
        body: &str,
    ) -> Result<Reply, RegistryError> {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // A member without a leader must not keep a watch that hears of nothing.
        headers.insert("grpc-metadata-hasleader", HeaderValue::from_static("true"));
        let url = self.urls[member].join(path);
        let at = url.to_string();
        let ask = Ask { method: Method::POST, url, headers, body: body.to_owned() };
        let sent = timeout(PATIENCE, self.client.send(ask)).await;
        sent.unwrap_or(Err(RegistryError::Timeout { at }))
    }
}
