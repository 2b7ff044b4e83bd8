//! Why a model server gave no answer that can be used: one line each, with what to do about it.

use super::KEY_VARIABLE;

/// A model server could not be asked, or its answer is of no use.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ServerError {
    /// The text is no address.
    #[error("`{url}` is no address of a model server; write it like http://127.0.0.1:8000 or https://host/v1")]
    Address { url: String },
    /// The address holds a user, a password or a query.
    #[error("the model server's address must hold no user, password or query; put a key into {KEY_VARIABLE}")]
    AddressWithSecret,
    /// The key has blanks or characters beyond ASCII.
    #[error("{KEY_VARIABLE} holds a character that no key has; set it anew")]
    KeyText,
    /// There is no connection, or it broke.
    #[error("cannot reach the model server at {url} ({cause}); start it or correct the address")]
    Unreachable { url: String, cause: String },
    /// The answer broke off.
    #[error("the model server at {url} breaks off in the middle of its answer to {path} ({cause})")]
    BrokeOff { url: String, path: &'static str, cause: String },
    /// The time limit passed.
    #[error(
        "the model server at {url} did not answer within {seconds} s; see whether it is stuck, or ask for fewer samples"
    )]
    TimedOut { url: String, seconds: f64 },
    /// It wants a key, and there is none.
    #[error("the model server at {url} wants a key (status {status}); put it into {KEY_VARIABLE}")]
    KeyMissing {
        url: String,
        /// 401 or 403.
        status: u16,
    },
    /// It does not accept the key.
    #[error("the model server at {url} refuses the key in {KEY_VARIABLE} (status {status}); set one that it accepts")]
    KeyRefused {
        url: String,
        /// 401 or 403.
        status: u16,
    },
    /// It is another kind of server.
    #[error(
        "{url} has no {path} (status {status}); give the address of an OpenAI-compatible server, such as `vllm serve` \
         or `llama-server`, and for a critic of `vllm serve MODEL --runner pooling`"
    )]
    NoSuchPath {
        url: String,
        path: &'static str,
        /// 404 or 405.
        status: u16,
    },
    /// It serves nothing.
    #[error("the model server at {url} lists no model; load one")]
    NoModel { url: String },
    /// It does not serve the model that is wanted.
    #[error("the model server at {url} has no model `{wanted}`; name one of: {listed}")]
    UnknownModel { url: String, wanted: String, listed: String },
    #[error("the model server at {url} answers {path} with status {status}; correct what it says: {message}")]
    Refused {
        url: String,
        path: &'static str,
        status: u16,
        /// Its own words, shortened.
        message: String,
    },
    /// The answer is no JSON.
    #[error("{url} answers {path} with no JSON but `{beginning}`; give the address of an OpenAI-compatible server")]
    NotJson {
        url: String,
        path: &'static str,
        /// How the answer begins.
        beginning: String,
    },
    /// The answer is too large to be one.
    #[error("the model server at {url} answers {path} with more than {max_bytes} bytes; ask for fewer samples")]
    TooLarge { url: String, path: &'static str, max_bytes: u64 },
    /// The answer is JSON, but not the one that belongs to the question.
    #[error(
        "the model server at {url} answers {path} without {lacks}; give the address of an OpenAI-compatible server"
    )]
    Strange { url: String, path: &'static str, lacks: &'static str },
    /// It keeps the log-probabilities to itself.
    #[error(
        "the model server at {url} gives no log-probabilities; let vLLM give them (`--max-logprobs 1` or more), \
         or take a newer llama-server"
    )]
    NoLogprobs { url: String },
}

impl ServerError {
    /// Whether another question may fare better: the server is there and knows us, but made nothing of this one.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Refused { status, .. } => *status >= 500 || matches!(status, 408 | 409 | 425 | 429),
            Self::TimedOut { .. }
            | Self::BrokeOff { .. }
            | Self::NotJson { .. }
            | Self::TooLarge { .. }
            | Self::Strange { .. } => true,
            _ => false,
        }
    }
}
