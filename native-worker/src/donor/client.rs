//! What a donor asks a coordinator: messages of a campaign as JSON over HTTP, and what is wrong where no answer comes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use stepwise_core::wire;
use stepwise_core::wire::campaign::{
    Abandon, Beat, Beaten, Check, Checked, Checking, Claim, Claimed, Enrolled, Enrolment, Joined, Joining, Receipts,
    Results,
};
use ureq::http::header;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, RequestBuilder};

use super::account::{Account, Token};
use super::link::Base;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(15);
/// How long a question may take, its answer included.
const ANSWER: Duration = Duration::from_secs(60);
/// The largest answer that is read, in bytes: a bundle carries the text of its theorems.
const MAX_ANSWER: u64 = 64 << 20;

/// What this program calls itself.
pub(super) const CLIENT: &str = concat!("stepwise ", env!("CARGO_PKG_VERSION"));

/// Asks a coordinator. A question that nobody waits for any more is answered all the same.
#[derive(Clone)]
pub(super) struct Client {
    carrier: Arc<dyn Carrier>,
    base: Base,
    token: Option<Arc<Token>>,
}

/// A question on its way.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) url: String,
    pub(super) token: Option<Arc<Token>>,
    pub(super) what: What,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// A message as JSON.
    Message(Vec<u8>),
    /// The bytes of a file from the first up to and including the last.
    Piece { first: u64, last: u64 },
}

/// What comes back.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    /// HTTP's.
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// What takes questions to a coordinator.
#[async_trait]
pub(super) trait Carrier: Send + Sync {
    /// # Errors
    /// What kept an answer from coming, in words.
    async fn carry(&self, question: Question) -> Result<Reply, String>;
}

/// HTTP, with or without TLS.
#[derive(Clone)]
struct Http(Agent);

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers there, or something else than a coordinator does.
    #[error("cannot reach the coordinator at {base}: {cause}")]
    Unreachable { base: Base, cause: String },
    /// The coordinator cannot answer now.
    #[error("the coordinator at {base} cannot answer now: {detail}")]
    Busy {
        base: Base,
        detail: String,
        /// When to ask again, where it says so.
        retry_after: Option<Duration>,
    },
    /// The coordinator does not want to answer.
    #[error("the coordinator at {base} says: {detail}")]
    Refused {
        base: Base,
        /// A word that does not change.
        kind: String,
        /// What is wrong, and what to do about it.
        detail: String,
    },
}

/// What an error means for whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The same question may be answered later.
    Again,
    /// The session is over; a new one may ask.
    Unknown,
    /// This very question will never be answered.
    Refused,
    /// No question of this account or this program will be answered.
    Final,
}

impl ClientError {
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::Unreachable { .. } | Self::Busy { .. } => Verdict::Again,
            Self::Refused { kind, .. } => match kind.as_str() {
                "not-found" => Verdict::Unknown,
                "protocol" | "unauthorized" | "forbidden" => Verdict::Final,
                _ => Verdict::Refused,
            },
        }
    }

    /// Whether nothing was heard of the coordinator at all.
    pub(super) fn is_silence(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// How long the coordinator wants to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl Client {
    /// One that has no account yet.
    pub(super) fn new(base: Base) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .user_agent(concat!("stepwise/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(ANSWER))
            // The token is for this address only.
            .max_redirects(0)
            .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build());
        let proxy = if base.is_local() { None } else { ureq::Proxy::try_from_env() };
        let carrier = Arc::new(Http(config.proxy(proxy).build().new_agent()));
        Self { carrier, base, token: None }
    }

    /// One that asks in this account's name.
    pub(super) fn of(account: &Account) -> Self {
        Self { token: Some(Arc::new(account.token.clone())), ..Self::new(account.base.clone()) }
    }

    /// The same, over something else than HTTP.
    #[cfg(test)]
    pub(super) fn over(self, carrier: Arc<dyn Carrier>) -> Self {
        Self { carrier, ..self }
    }

    pub(super) async fn join(&self, joining: &Joining) -> Result<Joined, ClientError> {
        self.ask("join", joining).await
    }

    pub(super) async fn enrol(&self, enrolment: &Enrolment) -> Result<Enrolled, ClientError> {
        self.ask("sessions", enrolment).await
    }

    pub(super) async fn claim(&self, claim: &Claim) -> Result<Claimed, ClientError> {
        self.ask("claims", claim).await
    }

    pub(super) async fn beat(&self, beat: &Beat) -> Result<Beaten, ClientError> {
        self.ask("heartbeats", beat).await
    }

    pub(super) async fn hand_in(&self, results: &Results) -> Result<Receipts, ClientError> {
        self.ask("results", results).await
    }

    pub(super) async fn abandon(&self, abandon: &Abandon) -> Result<(), ClientError> {
        self.post("abandon", abandon).await.map(|_| ())
    }

    pub(super) async fn check(&self, checking: &Checking) -> Result<Check, ClientError> {
        self.ask("checks", checking).await
    }

    pub(super) async fn checked(&self, checked: &Checked) -> Result<(), ClientError> {
        self.post("verdicts", checked).await.map(|_| ())
    }

    /// The bytes of a file from `first` up to and including `last`, of which the end may be missing.
    pub(super) async fn piece(&self, sha256: &str, first: u64, last: u64) -> Result<Vec<u8>, ClientError> {
        self.carry(&format!("blobs/{sha256}"), What::Piece { first, last }).await
    }

    async fn ask<A: DeserializeOwned>(&self, part: &str, body: &impl Serialize) -> Result<A, ClientError> {
        let answer = self.post(part, body).await?;
        serde_json::from_slice(&answer)
            .map_err(|error| self.unreachable(format!("what answers there does not speak as one ({error})")))
    }

    /// The answer's body, where there is one.
    async fn post(&self, part: &str, body: &impl Serialize) -> Result<Vec<u8>, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.unreachable(error.to_string()))?;
        self.carry(part, What::Message(body)).await
    }

    async fn carry(&self, part: &str, what: What) -> Result<Vec<u8>, ClientError> {
        let question = Question { url: self.base.url(part), token: self.token.clone(), what };
        let Reply { status, retry_after, body } =
            self.carrier.carry(question).await.map_err(|cause| self.unreachable(cause))?;
        if (200..300).contains(&status) { Ok(body) } else { Err(self.classify(status, retry_after, &body)) }
    }

    /// What an answer means that is none.
    fn classify(&self, status: u16, retry_after: Option<Duration>, body: &[u8]) -> ClientError {
        let base = self.base.clone();
        let problem = serde_json::from_slice::<wire::Problem>(body).ok();
        match (status, problem) {
            (408 | 429 | 500.., problem) => {
                let detail = problem.map_or_else(|| format!("status {status}"), |problem| problem.detail);
                ClientError::Busy { base, detail, retry_after }
            }
            // Every address of a coordinator that is asked answers to this: it is below another, or above.
            (405, Some(_)) => self.unreachable("there is none at this address; is the link whole?".to_owned()),
            (_, Some(wire::Problem { kind, detail, .. })) => ClientError::Refused { base, kind, detail },
            // Somebody in between: the coordinator says what is wrong.
            (_, None) => self.unreachable(format!("something else answers there, with status {status}")),
        }
    }

    fn unreachable(&self, cause: String) -> ClientError {
        ClientError::Unreachable { base: self.base.clone(), cause }
    }
}

#[async_trait]
impl Carrier for Http {
    async fn carry(&self, question: Question) -> Result<Reply, String> {
        let http = self.clone();
        let asked = tokio::task::spawn_blocking(move || http.exchange(&question)).await;
        asked.map_err(|died| died.to_string())?.map_err(|error| in_words(&error))
    }
}

impl Http {
    /// Blocks until the answer is there.
    fn exchange(&self, question: &Question) -> Result<Reply, ureq::Error> {
        let mut response = match &question.what {
            What::Message(body) => {
                let request = self.0.post(&question.url).header(header::CONTENT_TYPE, "application/json");
                signed(request, question).send(&body[..])?
            }
            What::Piece { first, last } => {
                let request = self.0.get(&question.url).header(header::RANGE, format!("bytes={first}-{last}"));
                signed(request, question).call()?
            }
        };
        let status = response.status().as_u16();
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
        let body = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec()?;
        Ok(Reply { status, retry_after, body })
    }
}

/// A request in the account's name.
fn signed<B>(request: RequestBuilder<B>, question: &Question) -> RequestBuilder<B> {
    match &question.token {
        Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {}", token.0)),
        None => request,
    }
}

/// What kept an answer from coming, and what to do about it where that is not plain.
fn in_words(error: &ureq::Error) -> String {
    let told = match error {
        ureq::Error::Io(cause) => cause.to_string(),
        other => other.to_string(),
    };
    let advice = [
        (
            "UnknownIssuer",
            "nobody whom this system trusts has signed it; where the operator gives you a certificate of the issuer, name \
             its file in SSL_CERT_FILE",
        ),
        ("certificate expired", "is this machine's clock right?"),
        ("certificate not valid yet", "is this machine's clock right?"),
        ("failed to lookup address", "is the link whole, and is this machine connected?"),
        ("Connection refused", "does it run?"),
    ];
    match advice.into_iter().find(|(word, _)| told.contains(word)) {
        Some((_, advice)) => format!("{told}: {advice}"),
        None => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, retry_after: Option<u64>, body: &str) -> (Verdict, String) {
        let client = Client::new(Base::parse("https://a.example").unwrap());
        let error = client.classify(status, retry_after.map(Duration::from_secs), body.as_bytes());
        assert_eq!(error.retry_after(), retry_after.map(Duration::from_secs));
        (error.verdict(), error.to_string())
    }

    fn problem(kind: &str, status: u16) -> String {
        format!(r#"{{"type":"{kind}","status":{status},"detail":"{kind} it is"}}"#)
    }

    #[test]
    fn what_may_be_answered_later_is_told_from_what_will_never_be() {
        for (kind, status, verdict) in [
            ("protocol", 400, Verdict::Final),
            ("unauthorized", 401, Verdict::Final),
            ("forbidden", 403, Verdict::Final),
            ("not-found", 404, Verdict::Unknown),
            ("bad-message", 400, Verdict::Refused),
            ("too-large", 413, Verdict::Refused),
        ] {
            let told = format!("the coordinator at https://a.example says: {kind} it is");
            assert_eq!(check(status, None, &problem(kind, status)), (verdict, told));
        }
        let elsewhere = check(405, None, &problem("method", 405));
        assert_eq!(elsewhere.0, Verdict::Again);
        assert!(elsewhere.1.ends_with("there is none at this address; is the link whole?"), "{}", elsewhere.1);
        let busy = "the coordinator at https://a.example cannot answer now: ";
        assert_eq!(check(503, Some(7), &problem("busy", 503)), (Verdict::Again, format!("{busy}busy it is")));
        assert_eq!(check(429, Some(1), "slow down"), (Verdict::Again, format!("{busy}status 429")));
        assert_eq!(check(500, None, ""), (Verdict::Again, format!("{busy}status 500")));
    }

    #[test]
    fn what_somebody_in_between_says_is_no_refusal() {
        for (status, body) in [(404, "<html>"), (403, "{}"), (302, ""), (401, "")] {
            let (verdict, told) = check(status, None, body);
            assert_eq!(verdict, Verdict::Again);
            assert!(told.ends_with(&format!("something else answers there, with status {status}")), "{told}");
        }
    }

    #[tokio::test]
    async fn nobody_at_home_is_silence() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let client = Client::new(Base::parse(&format!("http://127.0.0.1:{port}")).unwrap());
        let error = client.abandon(&Abandon { session: 1, units: Vec::new(), leave: true }).await.unwrap_err();
        assert!(error.is_silence(), "{error}");
        assert_eq!(error.verdict(), Verdict::Again);
    }
}
