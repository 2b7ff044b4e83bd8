//! Asks a model server over HTTP: its address and key, time limits, retries, bounded answers, errors in one line.
//!
//! A question goes through [`ureq`] on a blocking thread. Whoever drops the question leaves the thread behind, which
//! ends with its time limit; until then it counts against the questions that may be under way, so that a server that
//! hangs cannot collect threads.

mod address;
mod error;
mod json;
#[cfg(test)]
pub(crate) mod peer;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};
use ureq::Agent;
use ureq::http::{Response, header};
use ureq::tls::{RootCerts, TlsConfig};

use self::address::Address;
pub use self::address::{ApiKey, KEY_VARIABLE};
pub use self::error::ServerError;

/// Where a model server is and how patiently it is asked.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Its address, as in `http://127.0.0.1:8000` or `https://host/v1`.
    pub url: String,
    /// The model's name; without one, the first that the server lists.
    pub model: Option<String>,
    /// Goes into the header `Authorization: Bearer KEY`, and nowhere else.
    pub key: Option<ApiKey>,
    /// For making a connection.
    pub connect_limit: Duration,
    /// For one question with all its retries.
    pub time_limit: Duration,
    /// Times that a question is asked again after a refused connection or a status that asks for patience.
    pub retries: u32,
    /// The pause before the first of them; each further pause is twice as long, up to eight seconds.
    pub first_pause: Duration,
    /// Questions under way at the same time; the others wait.
    pub in_flight: usize,
    /// An answer with more bytes is refused.
    pub max_answer_bytes: u64,
}

impl ServerOptions {
    /// The usual patience, with the key that the environment holds.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            model: None,
            key: ApiKey::from_env(),
            connect_limit: Duration::from_secs(10),
            // A large model on a busy machine takes minutes for 32 tactics.
            time_limit: Duration::from_secs(600),
            retries: 6,
            first_pause: Duration::from_millis(250),
            in_flight: 8,
            // 32 samples of 256 tokens take about 2 MB with everything that llama.cpp says about a token.
            max_answer_bytes: 32 << 20,
        }
    }
}

/// Times that a question is asked again which may be to blame itself, as one is whose answer has no JSON form.
const DOUBTFUL: u32 = 3;
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// What of a server's text an error shows.
const QUOTED_CHARS: usize = 200;
/// Where servers list their models.
const MODELS: &str = "/v1/models";

/// A model server that answered once. Clones share its connections and its limit of questions under way.
#[derive(Clone, Debug)]
pub struct ModelServer {
    client: Arc<Client>,
    model: Arc<str>,
}

impl ModelServer {
    /// Asks the server for its models, and takes the wanted one or the first.
    ///
    /// # Errors
    /// When there is no such server, key or model.
    pub async fn connect(options: ServerOptions) -> Result<Self, ServerError> {
        let address = Address::parse(&options.url)?;
        if let Some(key) = &options.key {
            key.check()?;
        }
        let under_way = Arc::new(Semaphore::new(options.in_flight.max(1)));
        let client = Arc::new(Client { agent: agent(&address, &options), address, options, under_way });
        let answer = client.ask(MODELS, None).await?;
        let listed: Option<Vec<&str>> =
            answer["data"].as_array().map(|models| models.iter().filter_map(|model| model["id"].as_str()).collect());
        let Some(listed) = listed else {
            return Err(client.strange(MODELS, "a list `data` of models"));
        };
        let model = match (&client.options.model, listed.first()) {
            (Some(wanted), _) if listed.contains(&wanted.as_str()) => Arc::from(wanted.as_str()),
            (None, Some(first)) => Arc::from(*first),
            (Some(wanted), Some(_)) => {
                let listed = client.quote(&listed.join(", "));
                return Err(ServerError::UnknownModel { url: client.url(), wanted: wanted.clone(), listed });
            }
            (_, None) => return Err(ServerError::NoModel { url: client.url() }),
        };
        Ok(Self { client, model })
    }

    /// The name of the model that is asked.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The server's address without `/v1`.
    #[must_use]
    pub fn url(&self) -> &str {
        self.client.address.root()
    }

    /// Posts `question`, with the model's name added to it, to `path`, which starts with a slash and stands behind the
    /// address's root. Asks again for as long as that may help.
    ///
    /// # Errors
    /// When no JSON came back in time.
    pub async fn post(&self, path: &'static str, mut question: Value) -> Result<Value, ServerError> {
        question["model"] = Value::from(&*self.model);
        self.client.ask(path, Some(question.to_string())).await
    }

    /// Says that a part of this program that asked the server died.
    pub(super) fn unreachable(&self, cause: &dyn std::fmt::Display) -> ServerError {
        self.client.unreachable(cause)
    }

    /// Says that the answer to `path` lacks something.
    pub(super) fn strange(&self, path: &'static str, lacks: &'static str) -> ServerError {
        self.client.strange(path, lacks)
    }
}

#[derive(Debug)]
struct Client {
    agent: Agent,
    address: Address,
    options: ServerOptions,
    under_way: Arc<Semaphore>,
}

/// An attempt that failed.
struct Failed {
    error: ServerError,
    /// Why another attempt may succeed.
    again: Option<Again>,
}

/// A trouble that may pass.
struct Again {
    /// The pause that the server asks for.
    retry_after: Option<Duration>,
    /// Whether the question itself may be to blame, so that asking it often is in vain.
    is_doubtful: bool,
}

impl Client {
    /// Posts `body`, or without one gets what is there.
    async fn ask(self: &Arc<Self>, path: &'static str, body: Option<String>) -> Result<Value, ServerError> {
        let deadline = Instant::now() + self.options.time_limit;
        let asking = async {
            let permit = Arc::clone(&self.under_way).acquire_owned().await;
            // The threads share it, so that it lasts as long as the last of them.
            let permit = Arc::new(permit.map_err(|_| self.timed_out())?);
            let body: Option<Arc<str>> = body.map(Arc::from);
            let mut pause = self.options.first_pause;
            let mut attempts_left = self.options.retries;
            loop {
                let (client, body, permit) = (Arc::clone(self), body.clone(), Arc::clone(&permit));
                let attempt = tokio::task::spawn_blocking(move || {
                    let _permit = permit;
                    client.attempt(path, body.as_deref(), deadline.saturating_duration_since(Instant::now()))
                });
                let failed = match attempt.await {
                    Ok(Ok(answer)) => return Ok(answer),
                    Ok(Err(failed)) => failed,
                    Err(died) => return Err(self.unreachable(&died)),
                };
                let wait = match failed.again {
                    Some(Again { is_doubtful: true, .. }) if self.options.retries - attempts_left >= DOUBTFUL => {
                        return Err(failed.error);
                    }
                    Some(Again { retry_after, .. }) if attempts_left > 0 => retry_after.unwrap_or(pause),
                    _ => return Err(failed.error),
                };
                if Instant::now() + wait >= deadline {
                    return Err(failed.error);
                }
                tracing::debug!(error = %failed.error, ?wait, "the model server is asked again");
                sleep(wait).await;
                attempts_left -= 1;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        };
        // The thread keeps the limit by itself; this is for the time that a question waits for its turn.
        timeout_at(deadline, asking).await.unwrap_or_else(|_| Err(self.timed_out()))
    }

    fn attempt(&self, path: &'static str, body: Option<&str>, limit: Duration) -> Result<Value, Failed> {
        let url = self.address.join(path);
        let authorization = self.options.key.as_ref().map(ApiKey::authorization);
        let sent = match body {
            None => {
                let request = self.agent.get(url).config().timeout_global(Some(limit)).build();
                authorization
                    .into_iter()
                    .fold(request, |request, key| request.header(header::AUTHORIZATION, key))
                    .call()
            }
            Some(body) => {
                let request = self.agent.post(url).config().timeout_global(Some(limit)).build();
                let request = request.header(header::CONTENT_TYPE, "application/json");
                authorization
                    .into_iter()
                    .fold(request, |request, key| request.header(header::AUTHORIZATION, key))
                    .send(body)
            }
        };
        let mut response: Response<ureq::Body> = sent.map_err(|error| self.failed(&error))?;
        let max_bytes = self.options.max_answer_bytes;
        let bytes = match response.body_mut().with_config().limit(max_bytes).read_to_vec() {
            Ok(bytes) => bytes,
            Err(ureq::Error::BodyExceedsLimit(_)) => {
                let url = self.url();
                return Err(ServerError::TooLarge { url, path, max_bytes }.into());
            }
            Err(error) => {
                let Failed { error, again } = self.failed(&error);
                let error = match error {
                    ServerError::Unreachable { url, cause } => ServerError::BrokeOff { url, path, cause },
                    other => other,
                };
                return Err(Failed { error, again });
            }
        };
        let status = response.status().as_u16();
        if !response.status().is_success() {
            // What else a server may say with 500 and above is its own trouble, and often passes.
            let is_doubtful = !matches!(status, 408 | 425 | 429 | 502..=504 | 529);
            let again = matches!(status, 408 | 425 | 429 | 500..)
                .then(|| Again { retry_after: retry_after(&response), is_doubtful });
            let redirection =
                response.headers().get(header::LOCATION).map(|to| [b"it redirects to ", to.as_bytes()].concat());
            let said = redirection.filter(|_| response.status().is_redirection()).unwrap_or(bytes);
            return Err(Failed { error: self.refusal(path, status, &said), again });
        }
        serde_json::from_slice(&bytes).or_else(|error| json::without_bare_numbers(&bytes).ok_or(error)).map_err(|_| {
            let beginning = self.quote(&String::from_utf8_lossy(&bytes));
            ServerError::NotJson { url: self.url(), path, beginning }.into()
        })
    }

    /// What a status other than success means.
    fn refusal(&self, path: &'static str, status: u16, body: &[u8]) -> ServerError {
        let url = self.url();
        let json: Value = serde_json::from_slice(body).unwrap_or_default();
        // OpenAI and llama.cpp: `error.message`; vLLM's older answers: `message`; FastAPI: `detail`.
        let said = [&json["error"]["message"], &json["message"], &json["detail"], &json["error"]];
        let said = said.into_iter().find_map(Value::as_str).map(str::to_owned);
        let message = self.quote(&said.clone().unwrap_or_else(|| String::from_utf8_lossy(body).into_owned()));
        match status {
            401 | 403 if self.options.key.is_none() => ServerError::KeyMissing { url, status },
            401 | 403 => ServerError::KeyRefused { url, status },
            // vLLM answers 404 for a model that it does not serve, and names it.
            404 if said.as_deref().is_some_and(|said| said.contains("model")) => {
                ServerError::Refused { url, path, status, message }
            }
            404 | 405 => ServerError::NoSuchPath { url, path, status },
            _ => ServerError::Refused { url, path, status, message },
        }
    }

    fn failed(&self, error: &ureq::Error) -> Failed {
        match error {
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                Failed { error: self.unreachable(error), again: Some(Again { retry_after: None, is_doubtful: false }) }
            }
            ureq::Error::Timeout(_) => self.timed_out().into(),
            ureq::Error::Io(cause) if cause.kind() == io::ErrorKind::TimedOut => self.timed_out().into(),
            // Refused, or closed half-way: the server may be starting, or starting again.
            ureq::Error::Io(_) | ureq::Error::ConnectionFailed => {
                Failed { error: self.unreachable(error), again: Some(Again { retry_after: None, is_doubtful: false }) }
            }
            _ => self.unreachable(error).into(),
        }
    }

    fn unreachable(&self, cause: &dyn std::fmt::Display) -> ServerError {
        ServerError::Unreachable { url: self.url(), cause: self.quote(&cause.to_string()) }
    }

    fn timed_out(&self) -> ServerError {
        ServerError::TimedOut { url: self.url(), seconds: self.options.time_limit.as_secs_f64() }
    }

    fn strange(&self, path: &'static str, lacks: &'static str) -> ServerError {
        ServerError::Strange { url: self.url(), path, lacks }
    }

    fn url(&self) -> String {
        self.address.root().to_owned()
    }

    /// A text of the server as a part of one line: short, printable, and without the key, which a server may echo.
    fn quote(&self, text: &str) -> String {
        let text = match &self.options.key {
            Some(key) => key.hide_in(text),
            None => text.to_owned(),
        };
        let words: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let words: String = words.chars().filter(|c| !c.is_control()).collect();
        match words.char_indices().nth(QUOTED_CHARS) {
            Some((end, _)) => format!("{}...", &words[..end]),
            None if words.is_empty() => "nothing".to_owned(),
            None => words.trim_end_matches('.').to_owned(),
        }
    }
}

impl From<ServerError> for Failed {
    /// A failure that would come again.
    fn from(error: ServerError) -> Self {
        Self { error, again: None }
    }
}

/// An HTTP client that trusts what the user's system trusts, and follows no redirection: a POST would not survive it.
fn agent(address: &Address, options: &ServerOptions) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("stepwise/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(options.connect_limit))
        .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build());
    let proxy = if address.is_local() { None } else { ureq::Proxy::try_from_env() };
    config.proxy(proxy).build().new_agent()
}

/// The pause in seconds that the header asks for; its other form, a date, is rare and not read.
fn retry_after<B>(response: &Response<B>) -> Option<Duration> {
    let seconds: u32 = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds.into()))
}
